//! Training of a head on cached embeddings, natively. `cargo bench --profile dev --bench head`

use criterion::{BenchmarkId, Criterion};
use glimpse::{Embedding, Session, embedding::LENGTH, finetune::TrainingRequest};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    training(&mut criterion);
    criterion.final_summary();
}

/// Start and 50 steps, on few shots and on more.
fn training(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head, 50 steps");
    group.sample_size(10);
    for (classes, shots) in [(5, 5), (20, 20), (100, 50)] {
        let session = session(classes, shots);
        let name = format!("{classes} classes × {shots} shots");
        group.bench_with_input(BenchmarkId::from_parameter(name), &session, |bencher, session| {
            bencher.iter(|| {
                let mut training = session.start_training(&request()).expect("enough shots");
                training.run(usize::MAX)
            });
        });
    }
    group.finish();
}

fn request() -> TrainingRequest {
    TrainingRequest {
        steps: Some(50),
        ..TrainingRequest::default()
    }
}

/// Shots around a centre for each class: what they say matters nothing for the time.
fn session(classes: u32, shots: u32) -> Session {
    let mut session = Session::default();
    for class in 0..classes {
        for shot in 0..shots {
            let value = |index: usize| {
                let (own, noise) = (index as u32 * (class + 3) % 97, index as u32 * (shot + 5) % 89);
                (2 * own + noise) as f32 / 100.0
            };
            let embedding = Embedding::new((0..LENGTH).map(value).collect()).expect("finite numbers");
            session.support_mut().set_shot(class, class * shots + shot, embedding);
        }
    }
    session
}
