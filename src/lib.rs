//! Strongline.
