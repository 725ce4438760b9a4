//! The network by our own arithmetic, natively. `cargo bench --profile dev --bench trunk`

use criterion::{BenchmarkId, Criterion};
use glimpse::{Square, cpu::Trunk, untrained};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    embedding(&mut criterion);
    criterion.final_summary();
}

/// Squares of a test pattern, as many as a run of `cargo xtask bench` takes.
fn embedding(criterion: &mut Criterion) {
    let trunk = Trunk::load(untrained::state_dict(1)).expect("an untrained network is complete");
    let mut group = criterion.benchmark_group("trunk, CPU");
    group.sample_size(20);
    for batch in [1, 5] {
        let squares = vec![Square::test_pattern(); batch];
        group.bench_with_input(BenchmarkId::from_parameter(batch), &squares, |bencher, squares| {
            bencher.iter(|| trunk.pooled(squares));
        });
    }
    group.finish();
}
