//! The runtimes that Glimpse is measured beside: which, and where they are served. They are fetched for `cargo xtask bench`
//! alone; the page never sees them.

use crate::npm::Package;
use crate::server::Server;
use anyhow::Result;

/// Each with the path below `/peers` that the measurements load it from.
const PEERS: [(&str, Package); 3] = [
    (
        "onnxruntime-web",
        Package {
            name: "onnxruntime-web",
            version: "1.30.0",
            integrity: "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
            files: &[
                "dist/ort.wasm.min.mjs",
                "dist/ort-wasm-simd-threaded.mjs",
                "dist/ort-wasm-simd-threaded.wasm",
                "dist/ort.webgpu.min.mjs",
                "dist/ort-wasm-simd-threaded.asyncify.mjs",
                "dist/ort-wasm-simd-threaded.asyncify.wasm",
            ],
        },
    ),
    (
        "tfjs",
        Package {
            name: "@tensorflow/tfjs",
            version: "4.22.0",
            integrity: "sha512-0TrIrXs6/b7FLhLVNmfh8Sah6JgjBPH4mZ8JGb7NU6WW+cx00qK5BcAZxw7NCzxj6N8MRAIfHq+oNbPUNG5VAg==",
            files: &["dist/tf.min.js"],
        },
    ),
    (
        "tfjs-backend-wasm",
        Package {
            name: "@tensorflow/tfjs-backend-wasm",
            version: "4.22.0",
            integrity: "sha512-/IYhReRIp4jg/wYW0OwbbJZG8ON87mbz0PgkiP3CdcACRSvUN0h8rvC0O3YcDtkTQtFWF/tcXq/KlVDyV49wmA==",
            files: &["dist/tf-backend-wasm.min.js", "dist/tfjs-backend-wasm-simd.wasm"],
        },
    ),
];

/// Serves all of them, once they are fetched.
pub fn mount(server: &Server) -> Result<()> {
    for (path, package) in &PEERS {
        server.mount(
            &format!("/peers/{path}"),
            package.prepare(&crate::target_dir().join("peers"))?,
        );
    }
    Ok(())
}

/// Names and versions, for a reader.
pub fn names() -> String {
    let names: Vec<_> = PEERS
        .iter()
        .map(|(_, package)| format!("{} {}", package.name, package.version))
        .collect();
    names.join(", ")
}
