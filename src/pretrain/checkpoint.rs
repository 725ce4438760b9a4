//! Files of a pretraining, as safetensors that say what they are. A checkpoint holds the network by torchvision's names
//! and the velocities with `velocity.` before them; its metadata are `kind`, `version`, `step`, `epoch`, the `plan` as
//! JSON and the `sha256` of the tensors. A result is the network alone, with the `plan` for whoever wants to know.

use std::collections::HashMap;

use safetensors::SafeTensors;
use serde_json::{Map, Value};

use super::{State, training::Plan};
use crate::{Error, StateDict, manifest::sha256};

/// Says that a file holds a checkpoint.
const KIND: &str = "glimpse-pretraining";
/// Another number where the meaning of the tensors or of the plan has changed.
const VERSION: &str = "1";
/// Before the names of velocities.
const VELOCITY: &str = "velocity.";

/// A training that can go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What is trained, and how.
    pub plan: Plan,
    /// Steps made.
    pub step: usize,
    /// What they led to.
    pub state: State,
}

impl Checkpoint {
    /// The checkpoint as a file.
    ///
    /// # Errors
    /// [`Error::WeightsFormat`] where a shape and its values disagree.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, Error> {
        let mut tensors = self.state.network.clone();
        for (name, parameter) in self.state.velocity.iter() {
            tensors.insert(format!("{VELOCITY}{name}"), parameter.clone());
        }
        let epoch = self.step / self.plan.steps_per_epoch();
        tensors.to_safetensors(metadata(&[
            ("kind", KIND.into()),
            ("version", VERSION.into()),
            ("step", self.step.to_string()),
            ("epoch", epoch.to_string()),
            ("plan", json(&self.plan)?),
            ("sha256", hash(&tensors)),
        ]))
    }

    /// Reads a file of [`Checkpoint::to_safetensors`], made by this plan.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where it is no checkpoint, cut off, of another version, or made by another plan.
    pub fn from_safetensors(bytes: &[u8], plan: Plan) -> Result<Self, Error> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let field = |key: &str| metadata.get(key).map_or("nothing", String::as_str);
        for (key, expected) in [("kind", KIND), ("version", VERSION)] {
            if field(key) != expected {
                return Err(fault(format!("its {key} is {}, expected {expected}", field(key))));
            }
        }
        check_plan(field("plan"), &json(&plan)?)?;
        let step = field("step").parse().map_err(unreadable)?;
        if step > plan.steps() {
            return Err(fault(format!("it is at step {step} of {}", plan.steps())));
        }
        let tensors = StateDict::from_safetensors(bytes).map_err(unreadable)?;
        if field("sha256") != hash(&tensors) {
            return Err(fault("it is damaged".into()));
        }
        let mut state = State {
            network: StateDict::default(),
            velocity: StateDict::default(),
            folded: false,
        };
        for (name, parameter) in tensors.iter() {
            match name.strip_prefix(VELOCITY) {
                Some(name) => state.velocity.insert(name, parameter.clone()),
                None => state.network.insert(name, parameter.clone()),
            }
        }
        Ok(Self { plan, step, state })
    }
}

/// The trained network as a file that `cargo glimpse weights --from` and PyTorch take.
///
/// # Errors
/// [`Error::WeightsFormat`] where a shape and its values disagree.
pub fn result(network: &StateDict, plan: &Plan) -> Result<Vec<u8>, Error> {
    network.to_safetensors(metadata(&[("plan", json(plan)?)]))
}

fn metadata(fields: &[(&str, String)]) -> HashMap<String, String> {
    fields
        .iter()
        .map(|(key, value)| (key.to_string(), value.clone()))
        .collect()
}

/// SHA-256 of all values, name by name.
fn hash(tensors: &StateDict) -> String {
    let values = tensors.iter().flat_map(|(_, parameter)| &parameter.values);
    sha256(&values.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

fn json(plan: &Plan) -> Result<String, Error> {
    serde_json::to_string(plan).map_err(unreadable)
}

/// Refuses a plan of which anything differs. Both are compared as they are read.
fn check_plan(found: &str, expected: &str) -> Result<(), Error> {
    let fields = |plan: &str| serde_json::from_str::<Map<String, Value>>(plan).map_err(unreadable);
    let found = fields(found)?;
    for (key, expected) in fields(expected)? {
        let found = found.get(&key).unwrap_or(&Value::Null);
        if *found != expected {
            return Err(fault(format!("it was made with {key} {found}, not {expected}")));
        }
    }
    Ok(())
}

fn fault(reason: String) -> Error {
    Error::Checkpoint { reason }
}

fn unreadable(error: impl ToString) -> Error {
    fault(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrain::{start, training::tests::plan};

    fn checkpoint() -> Checkpoint {
        let mut state = start::random(2, 1);
        state.velocity = start::random(2, 2).network;
        Checkpoint {
            plan: plan(),
            step: 7,
            state,
        }
    }

    #[test]
    fn round_trips() {
        let checkpoint = checkpoint();
        let bytes = checkpoint.to_safetensors().unwrap();
        assert_eq!(Checkpoint::from_safetensors(&bytes, plan()).unwrap(), checkpoint);
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["epoch"], "2");
    }

    #[test]
    fn faults_are_named() {
        let refused = |bytes: &[u8], plan: Plan, words: &str| {
            let error = Checkpoint::from_safetensors(bytes, plan).unwrap_err();
            assert!(
                error.code() == "checkpoint" && error.to_string().contains(words),
                "{error}"
            );
        };
        let bytes = checkpoint().to_safetensors().unwrap();
        refused(b"no safetensors", plan(), "--resume");
        refused(&bytes[..bytes.len() / 2], plan(), "not fully covered");
        let mut flipped = bytes.clone();
        *flipped.last_mut().unwrap() ^= 1;
        refused(&flipped, plan(), "damaged");
        let result = result(&start::random(2, 1).network, &plan()).unwrap();
        refused(&result, plan(), "its kind is nothing");
        refused(&bytes, Plan { batch: 4, ..plan() }, "batch 3, not 4");
        let other = vec!["a".into(), "c".into()];
        refused(
            &bytes,
            Plan {
                classes: other,
                ..plan()
            },
            r#"classes ["a","b"], not ["a","c"]"#,
        );
        let beyond = Checkpoint {
            step: 61,
            ..checkpoint()
        };
        refused(&beyond.to_safetensors().unwrap(), plan(), "step 61 of 60");
    }
}
