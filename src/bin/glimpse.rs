//! The native companion: a thin command line over the core. No learning and no arithmetic of its own.

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    native::main()
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::{
        io::{self, Write},
        path::{Path, PathBuf},
        process::ExitCode,
    };

    use clap::{Args, Parser, Subcommand, ValueEnum};
    use glimpse::{
        Error, Session,
        backend::{Backbone, BackendKind},
        finetune::Recipe,
        native::{
            folder::{self, ClassFolder},
            weights::{self, Licence, Source},
        },
        session::Prediction,
    };

    /// Exit code where no weights could be had; `cargo xtask serve` then makes an untrained network.
    const NO_WEIGHTS: u8 = 3;

    /// Few-shot photo recognition, natively.
    #[derive(Parser)]
    #[command(name = "cargo glimpse", bin_name = "cargo glimpse")]
    struct Cli {
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Subcommand)]
    enum Command {
        /// Prepare the weights and their manifest.
        Weights(WeightsArgs),
        /// Print the embedding of each photo: its path and 512 numbers, separated by tabs.
        Embed(EmbedArgs),
        /// Name photos after a folder that holds one folder of photos per class.
        Predict(PredictArgs),
    }

    #[derive(Args)]
    struct WeightsArgs {
        /// A .safetensors or .pth file with torchvision's names, or its address.
        #[arg(long, value_name = "FILE|URL")]
        from: Option<String>,
        /// Make a network of random numbers instead.
        #[arg(long, conflicts_with = "from")]
        untrained: bool,
        /// Where the random numbers start.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The licence of the weights given with --from.
        #[arg(long, requires = "from")]
        licence: Option<String>,
        /// State that the weights given with --from may be passed on.
        #[arg(long, requires = "licence")]
        redistributable: bool,
        /// The folder to prepare.
        #[arg(long, default_value = "weights", value_name = "DIR")]
        out: PathBuf,
    }

    #[derive(Args)]
    struct Network {
        /// The prepared weights.
        #[arg(long, default_value = "weights", value_name = "DIR")]
        weights: PathBuf,
        /// `cpu` or `webgpu`.
        #[arg(long, default_value = "cpu")]
        backend: BackendKind,
    }

    #[derive(Args)]
    struct EmbedArgs {
        #[command(flatten)]
        network: Network,
        /// Photos.
        #[arg(required = true)]
        photos: Vec<PathBuf>,
    }

    #[derive(Args)]
    struct PredictArgs {
        #[command(flatten)]
        network: Network,
        /// How the classes are learnt.
        #[arg(long, value_enum, default_value_t = MethodArg::Finetune)]
        method: MethodArg,
        /// The folder of classes.
        classes: PathBuf,
        /// Photos to name.
        #[arg(required = true)]
        photos: Vec<PathBuf>,
    }

    #[derive(Clone, Copy, ValueEnum)]
    enum MethodArg {
        /// The mean embedding of each class.
        Prototype,
        /// The fine-tuned head.
        Finetune,
        /// The head by the textbook recipe.
        FinetunePlain,
    }

    pub fn main() -> ExitCode {
        let done = match Cli::parse().command {
            Command::Weights(args) => prepare_weights(args),
            Command::Embed(args) => embed(&args),
            Command::Predict(args) => predict(&args),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(if matches!(error, Error::NoWeights { .. }) {
                    NO_WEIGHTS
                } else {
                    1
                })
            }
        }
    }

    fn prepare_weights(args: WeightsArgs) -> Result<(), Error> {
        let source = match args.from {
            Some(from) if from.starts_with("http://") || from.starts_with("https://") => Source::Url(from),
            Some(from) => Source::File(from.into()),
            None if args.untrained => Source::Untrained(args.seed),
            None => Source::Automatic,
        };
        let licence = Licence {
            name: args.licence,
            redistributable: args.redistributable,
        };
        weights::prepare(&args.out, &source, &licence, &mut |line| eprintln!("{line}")).map(|_| ())
    }

    fn start(network: &Network) -> Result<Backbone, Error> {
        let state_dict = weights::load(&network.weights)?;
        pollster::block_on(Backbone::start(network.backend, &state_dict))
    }

    fn embed(args: &EmbedArgs) -> Result<(), Error> {
        let backbone = start(&args.network)?;
        for photo in &args.photos {
            let square = folder::read_square(photo)?;
            let embedding = pollster::block_on(backbone.embed_one(&square))?;
            let numbers: Vec<String> = embedding.values().iter().map(f32::to_string).collect();
            print_line(&format!("{}\t{}", photo.display(), numbers.join("\t")))?;
        }
        Ok(())
    }

    fn predict(args: &PredictArgs) -> Result<(), Error> {
        let classes = folder::classes(&args.classes)?;
        let backbone = start(&args.network)?;
        let mut session = learn(&backbone, &classes, args.method)?;
        for photo in &args.photos {
            let square = folder::read_square(photo)?;
            let embedding = pollster::block_on(backbone.embed_one(&square))?;
            print_line(&describe(photo, &session.predict(&embedding)?, &classes))?;
        }
        Ok(())
    }

    /// A session in which class i is the i-th folder.
    fn learn(backbone: &Backbone, classes: &[ClassFolder], method: MethodArg) -> Result<Session, Error> {
        let mut session = Session::default();
        let shots = classes
            .iter()
            .enumerate()
            .flat_map(|(id, class)| class.photos.iter().map(move |photo| (id, photo)));
        for (shot_id, (class_id, photo)) in shots.enumerate() {
            let embedding = pollster::block_on(backbone.embed_one(&folder::read_square(photo)?))?;
            session
                .support_mut()
                .set_shot(class_id as u32, shot_id as u32, embedding);
        }
        let recipe = match method {
            MethodArg::Prototype => return Ok(session),
            MethodArg::Finetune => Recipe::Scaled,
            MethodArg::FinetunePlain => Recipe::Plain,
        };
        let mut training = session.start_training(recipe.options())?;
        pollster::block_on(training.run(training.steps()))?;
        session.finish_training(&training)?;
        Ok(session)
    }

    /// Path, then class and per cent, best first.
    fn describe(photo: &Path, prediction: &Prediction, classes: &[ClassFolder]) -> String {
        let mut scores: Vec<_> = prediction.scores.iter().collect();
        scores.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        let score = |score: &&glimpse::session::Score| {
            format!(
                "{} {:.1} %",
                classes[score.class_id as usize].name,
                score.probability * 100.0
            )
        };
        let columns: Vec<String> = scores.iter().map(score).collect();
        format!("{}\t{}", photo.display(), columns.join("\t"))
    }

    /// Prints to standard output; a reader that has gone away ends the program with its error, not a panic.
    fn print_line(line: &str) -> Result<(), Error> {
        writeln!(io::stdout(), "{line}").map_err(|source| Error::Io {
            path: "standard output".into(),
            source,
        })
    }
}
