use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Returns a text as the login it suggests: lower-case ASCII letters and digits, single dots.
///
/// Latin letters lose their diacritics; every run of anything else becomes one dot, none at the
/// ends. A text of which nothing remains becomes `person`.
#[must_use]
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    let mut gap = false;
    let mut push = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            if gap && !slug.is_empty() {
                slug.push('.');
            }
            gap = false;
            slug.push(letter.to_ascii_lowercase());
        } else {
            gap = true;
        }
    };
    if text.is_ascii() {
        text.chars().for_each(&mut push);
    } else {
        for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter)) {
            match unfolded(letter) {
                Some(ascii) => ascii.chars().for_each(&mut push),
                None => push(letter),
            }
        }
    }
    if slug.is_empty() { "person".to_owned() } else { slug }
}

/// Latin letters that Unicode does not take apart into a base letter and a mark.
fn unfolded(letter: char) -> Option<&'static str> {
    Some(match letter {
        'Æ' | 'æ' => "ae",
        'Œ' | 'œ' => "oe",
        'ẞ' | 'ß' => "ss",
        'Ø' | 'ø' => "o",
        'Đ' | 'đ' | 'Ð' | 'ð' => "d",
        'Ħ' | 'ħ' => "h",
        'ı' => "i",
        'ĸ' => "k",
        'Ł' | 'ł' => "l",
        'Ŋ' | 'ŋ' => "n",
        'Ŧ' | 'ŧ' => "t",
        'Þ' | 'þ' => "th",
        _ => return None,
    })
}
