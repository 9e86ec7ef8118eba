use hashbrown::HashTable;
use uuid::Uuid;

/// Finds places by marks, which are as good as random.
#[derive(Debug)]
pub(super) struct Index {
    places: HashTable<u32>,
}

impl Index {
    /// The places of marks, the first one's being nought. Those that say nothing are left out.
    pub(super) fn of(marks: impl ExactSizeIterator<Item = Uuid>) -> Self {
        let mut places = HashTable::with_capacity(marks.len());
        for (place, mark) in (0..).zip(marks) {
            if !mark.is_nil() {
                // There is room for all: nothing is moved, and no mark asked for again.
                places.insert_unique(hash(mark), place, |_place| 0);
            }
        }
        Self { places }
    }

    /// Returns a place of this mark that is the right one.
    pub(super) fn find(&self, mark: Uuid, is_right: impl Fn(usize) -> bool) -> Option<usize> {
        let right = |place: &u32| is_right(*place as usize);
        self.places.find(hash(mark), right).map(|place| *place as usize)
    }
}

fn hash(mark: Uuid) -> u64 {
    mark.as_u64_pair().1
}
