//! What the tests stand on: network namespaces, a real system bus, a fake desktop.
