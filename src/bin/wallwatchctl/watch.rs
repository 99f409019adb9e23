//! Prints alerts as they come.
use crate::{error::Error, print::Printer};
/// x
pub(crate) async fn run(_: &mut Printer) -> Result<(), Error> {
    Ok(())
}
