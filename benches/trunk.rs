//! The network by our own arithmetic, natively. `cargo bench --profile dev --bench trunk`

use criterion::{BenchmarkId, Criterion};
use glimpse::{Square, Weights, architecture::convolutions, compact, cpu::Trunk, untrained};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let folded = untrained::state_dict(1)
        .folded_trunk(&convolutions())
        .expect("an untrained network is complete");
    let file = compact::encode(&folded, compact::STEP).expect("it can be encoded");
    let compact = Weights::from_file(&file).expect("it was just encoded");
    embedding(&mut criterion, "trunk, CPU", folded.into());
    embedding(&mut criterion, "trunk of compact weights, CPU", compact);
    criterion.final_summary();
}

/// Squares of a test pattern, as many as a run of `cargo xtask bench` takes.
fn embedding(criterion: &mut Criterion, name: &str, weights: Weights) {
    let trunk = Trunk::load(weights).expect("an untrained network is complete");
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    for batch in [1, 5] {
        let squares = vec![Square::test_pattern(); batch];
        group.bench_with_input(BenchmarkId::from_parameter(batch), &squares, |bencher, squares| {
            bencher.iter(|| trunk.pooled(squares));
        });
    }
    group.finish();
}
