//! How one query comes to its answer, for those who ask why. Nothing here decides anything.

use serde::Serialize;

use crate::session::NearestShot;

/// How many of the most similar shots are told.
pub const NEAREST: usize = 6;

/// How a query comes to its answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The shots most like it, the most similar first; none where a link's classifier answers.
    pub nearest: Vec<NearestShot>,
    /// One for each class that takes part.
    pub classes: Vec<ClassScore>,
}

/// What a class has of a query.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassScore {
    /// The class.
    pub class_id: u32,
    /// Cosine similarity of the query and the class's prototype.
    pub similarity: f32,
    /// Probability by the prototypes alone, 0 to 1.
    pub before: f32,
    /// Probability by what was trained; `None` where nothing is.
    pub after: Option<f32>,
}

/// How much each spot of a picture speaks for a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassEvidence {
    /// The class.
    pub class_id: u32,
    /// Row by row, see [`crate::evidence::evidence`].
    pub spots: Vec<f32>,
}
