//! An hour of noise.
