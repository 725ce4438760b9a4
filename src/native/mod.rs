//! What only a native build has: files, folders, downloads, `.pth`. The command line is a thin layer over this.

pub mod agreement;
pub mod curve;
pub mod deep;
pub mod download;
pub mod eval;
pub mod files;
pub mod flowers25;
pub mod folder;
pub mod library;
pub mod metric;
pub mod plot;
pub mod pretrain;
pub mod project;
pub mod pth;
pub mod weights;
