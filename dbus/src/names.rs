//! Every name that two programs must agree on.

/// The helper's name on the system bus.
pub const HELPER_BUS_NAME: &str = "org.wallwatch.Helper1";
/// The path of the helper's only object.
pub const HELPER_PATH: &str = "/org/wallwatch/Helper1";
/// The interface of the helper's object.
pub const HELPER_INTERFACE: &str = "org.wallwatch.Helper1";

/// The desktop program's id: application id, program name, desktop file, AppStream id and session bus name.
pub const APP_ID: &str = "org.wallwatch.Wallwatch";
/// The name under which the desktop program takes commands on the session bus.
pub const CONTROL_BUS_NAME: &str = "org.wallwatch.Wallwatch.Control";
/// The path of the desktop program's control object.
pub const CONTROL_PATH: &str = "/org/wallwatch/Control";

/// The polkit action that lets somebody see alerts.
pub const ACTION_MONITOR: &str = "org.wallwatch.helper1.monitor";
/// The polkit action that lets somebody change what is watched, for everybody.
pub const ACTION_CONFIGURE: &str = "org.wallwatch.helper1.configure";
