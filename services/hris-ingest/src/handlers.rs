//! What is delivered to this service: nothing of the mesh, and what comes from outside of it.

mod receive_intake;

pub(crate) use receive_intake::ReceiveIntake;
