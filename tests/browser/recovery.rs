//! When the module breaks or the worker dies, a new worker takes over and no shot is lost. The break is made through the
//! DevTools protocol, as a person at the console would make it: nothing in the page or the module is there for it.

use libtest_mimic::Trial;
use xtask::server::Fault;

use crate::{
    stage::{Shown, Stage},
    support::{Outcome, drawn_classes, scratch, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("recovery::a_broken_module_is_replaced", a_broken_module_is_replaced),
        trial("recovery::a_dead_worker_is_replaced", a_dead_worker_is_replaced),
        trial(
            "recovery::a_module_out_of_reach_leaves_the_other",
            a_module_out_of_reach_leaves_the_other,
        ),
    ]
}

/// Overwrites the module's memory: its next use traps or panics.
pub const SPOIL: &str = "(async () => {
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
  const module = await import(loaded.find((name) => name.endsWith('/light/glimpse.js')));
  const { memory } = await module.default();
  new Uint8Array(memory.buffer).fill(0xff);
  return true;
})()";

/// A worker that ends itself without a word.
pub const DIE: &str = "(setTimeout(() => self.close()), true)";

fn break_and_recover(name: &str, how: &str) -> Result<(), libtest_mimic::Failed> {
    let stage = Stage::on_cpu()?;
    let drawn = drawn_classes(&scratch(name))?;
    let ids = stage.teach(&drawn.classes)?;
    let photo = [drawn.queries[0].1.clone()];
    let before = stage.ask(&photo)?;

    let workers = stage.page.workers()?;
    let worker = workers.first().ok_or("a worker")?;
    assert!(worker.eval::<bool>(how)?);
    // The next photo meets the broken engine.
    stage.page.set_files("#test-input", &[drawn.queries[1].1.clone()])?;
    let after: Vec<Shown> = stage.answers(2)?;
    stage.wait_for_engine()?;
    assert_eq!(
        stage
            .page
            .eval::<usize>("document.querySelectorAll('.shot[data-status=ready]').length")?,
        9
    );
    assert_eq!(stage.class_ids()?, ids);
    assert_eq!(after[0], before[0], "the same shots give the same answer");
    assert_eq!(after[1].winner, drawn.queries[1].0);

    // It works on: more shots, training, answers.
    stage.add_photos(ids[0], &photo)?;
    stage.train()?;
    assert_eq!(stage.answers(2)?[1].winner, drawn.queries[1].0);
    Ok(())
}

fn a_broken_module_is_replaced() -> Outcome {
    break_and_recover("browser-panic", SPOIL)
}

fn a_dead_worker_is_replaced() -> Outcome {
    break_and_recover("browser-dead-worker", DIE)
}

/// Deep training wants the module with Burn, which is not to be had: it says so, and the engine goes on without.
fn a_module_out_of_reach_leaves_the_other() -> Outcome {
    let stage = Stage::on_cpu()?;
    stage.server.fault("/pkg/burn/glimpse_bg.wasm", Fault::Status(500));
    let (code, module): (String, String) = stage.page.eval(
        "(async () => {
           const { EngineClient } = await import('./www/engine/client.js');
           const client = new EngineClient({ backend: 'cpu', oneView: true }, () => []);
           const ready = () => new Promise((resolve) => client.addEventListener('ready', resolve, { once: true }));
           client.start();
           await ready();
           const again = ready();
           const code = await client.train({ method: 'deep', steps: 1 }, [], {}).then(() => '', (error) => error.code);
           await again;
           return [code, client.info.module];
         })()",
    )?;
    assert_eq!((code.as_str(), module.as_str()), ("module", "light"));
    Ok(())
}
