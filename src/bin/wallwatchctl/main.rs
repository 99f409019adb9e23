//! What Wallwatch knows, in a terminal.
fn main() {}
