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
        Embedding, Error, Method, StateDict,
        backend::{Backbone, BackendKind},
        compact,
        embedder::{self, Views},
        embedding::Query,
        export::{self, Answers, Format, Row},
        link::{self, Shared},
        manifest::Manifest,
        model::Model,
        native::{
            agreement::{self, AgreementArgs},
            curve::{self, CurveArgs},
            deep,
            eval::{self, EvalArgs, Settings},
            files,
            folder::{self, Asked, ClassFolder},
            metric::{self, MetricArgs},
            pretrain::{self, PretrainArgs},
            project,
            weights::{self, Encoding, Licence, Source},
        },
        onnx::{self, About},
        rejection::USUAL_THRESHOLD,
        session::{Prediction, Score},
        shot_maps::ShotMaps,
        tuned::{Tuned, folded_layer4},
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
        /// Measure what shorter weights cost: bytes against few-shot accuracy.
        WeightsCurve(CurveArgs),
        /// Print the embedding of each photo: its path and 512 numbers, separated by tabs. Or write all 1536 to a file.
        Embed(EmbedArgs),
        /// Measure the methods over many episodes.
        Eval(EvalArgs),
        /// Learn a folder of classes and save the result, as a project for the page where its name ends in .glimpse.
        Fit(FitArgs),
        /// Train a metric on a folder of classes and write it to a file.
        TrainMetric(MetricArgs),
        /// Train the whole network on a folder of classes and write it as a checkpoint for `weights --from`.
        Pretrain(PretrainArgs),
        /// Write the network as an ONNX file: from `input` [n, 3, 224, 224] to `embedding` [n, 512]. With `--head` the
        /// whole classifier: to `probabilities` [n, classes] too.
        Onnx(OnnxArgs),
        /// Print what `fit` saved as the fragment of a share link: the page's address with it opens for everybody.
        Link(LinkArgs),
        /// Measure whether share links answer as the classifiers that they were made of.
        LinkAgreement(AgreementArgs),
        /// Name photos after a saved file, a share link, or after a folder with a folder of photos per class.
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
        /// How the parameters are written.
        #[arg(long, value_enum, default_value = "compact")]
        encoding: EncodingName,
        /// How long a compact step is, in standard deviations: shorter ones are closer to the given weights, in a larger file.
        #[arg(long, default_value_t = compact::STEP)]
        step: f32,
        /// The folder to prepare.
        #[arg(long, default_value = "weights", value_name = "DIR")]
        out: PathBuf,
    }

    #[derive(Clone, Copy, ValueEnum)]
    enum EncodingName {
        /// Rounded and entropy-coded, about 6 MB: what the page loads.
        Compact,
        /// 16 bits each, about 22 MB: exact enough for reference values.
        F16,
    }

    #[derive(Args)]
    struct Network {
        /// The prepared weights.
        #[arg(long, default_value = "weights", value_name = "DIR")]
        weights: PathBuf,
        /// `cpu`, `candle`, `webgpu` or `wgpu`.
        #[arg(long, default_value = "cpu")]
        backend: BackendKind,
    }

    #[derive(Args)]
    struct EmbedArgs {
        #[command(flatten)]
        network: Network,
        /// Photos, or folders of them.
        #[arg(required = true)]
        photos: Vec<PathBuf>,
        /// A `.npy` or `.csv` file, with a row for each photo. The class is the name of the photo's folder.
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    }

    #[derive(Args)]
    struct How {
        /// How the classes are learnt.
        #[arg(long, default_value = "finetune")]
        method: Method,
        /// A file of `train-metric`, in whose space they are learnt.
        #[arg(long, value_name = "FILE")]
        metric: Option<PathBuf>,
        #[command(flatten)]
        settings: Settings,
    }

    #[derive(Args)]
    struct FitArgs {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        how: How,
        /// A folder with a folder of photos per class.
        classes: PathBuf,
        /// Where to save what was learnt: NAME.glimpse for a project with the photos, anything else for a model.
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
    }

    #[derive(Args)]
    struct OnnxArgs {
        /// The prepared weights.
        #[arg(long, default_value = "weights", value_name = "DIR")]
        weights: PathBuf,
        /// A file that `fit` saved.
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
        /// Where to write it.
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
    }

    #[derive(Args)]
    struct LinkArgs {
        /// A file that `fit` saved.
        model: PathBuf,
    }

    #[derive(Args)]
    struct PredictArgs {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        how: How,
        /// A file that `fit` or the page saved, a folder with a folder of photos per class, a share link, or a file that holds one.
        model: PathBuf,
        /// Photos to name, or folders of them.
        #[arg(required = true)]
        photos: Vec<PathBuf>,
        /// Print a table: photo, answer, its probability, how surely it is any of the classes, and each class's probability.
        #[arg(long)]
        csv: bool,
        /// With `--csv`: how surely a photo must be any of the classes, 0 to 1; the answer of others is empty.
        #[arg(long, requires = "csv", default_value_t = USUAL_THRESHOLD, value_name = "SHARE")]
        threshold: f32,
    }

    pub fn main() -> ExitCode {
        let done = match Cli::parse().command {
            Command::Weights(args) => prepare_weights(args),
            Command::WeightsCurve(args) => curve::run(&args, &mut print_line, &|line| eprintln!("{line}")),
            Command::Embed(args) => embed(&args),
            Command::Eval(args) => eval::run(&args, &mut print_line, &|line| eprintln!("{line}")),
            Command::Fit(args) => fit(&args),
            Command::TrainMetric(args) => metric::run(&args, &|line| eprintln!("{line}")),
            Command::Pretrain(args) => pretrain::run(&args, &|line| eprintln!("{line}")),
            Command::Onnx(args) => export_onnx(&args),
            Command::Link(args) => print_link(&args),
            Command::LinkAgreement(args) => agreement::run(&args, &mut print_line, &|line| eprintln!("{line}")),
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
        let encoding = match args.encoding {
            EncodingName::Compact => Encoding::Compact(args.step),
            EncodingName::F16 => Encoding::F16,
        };
        weights::prepare(&args.out, &source, &licence, encoding, &mut |line| eprintln!("{line}")).map(|_| ())
    }

    /// A network that runs, and what is known of it.
    struct Running {
        backbone: Backbone,
        manifest: Manifest,
        state_dict: StateDict,
    }

    fn start(network: &Network) -> Result<Running, Error> {
        let (manifest, state_dict) = weights::open(&network.weights)?;
        Ok(Running {
            backbone: pollster::block_on(Backbone::start(network.backend, state_dict.clone()))?,
            manifest,
            state_dict,
        })
    }

    fn embed(args: &EmbedArgs) -> Result<(), Error> {
        let running = start(&args.network)?;
        let look = |photo: &Path| embed_photo(&running.backbone, photo, Views::All);
        let Some(out) = &args.out else {
            return each(&args.photos, look, |photo, embedding| {
                let numbers: Vec<String> = embedding.first().iter().map(f32::to_string).collect();
                print_line(&format!("{}\t{}", photo.display(), numbers.join("\t")))
            });
        };
        let format: Format = out.extension().unwrap_or_default().to_string_lossy().parse()?;
        let mut photos = Vec::new();
        each(&args.photos, look, |photo, embedding| {
            let class = photo.parent().map(folder::file_name).unwrap_or_default();
            photos.push((class, folder::file_name(photo), embedding));
            Ok(())
        })?;
        let rows = photos
            .iter()
            .map(|(class, name, embedding)| Row { class, name, embedding });
        files::write(out, export::embeddings(format, &rows.collect::<Vec<_>>())?)
    }

    /// Looks at every photo in turn. What was found in a folder and is no photo is told and passed over.
    fn each<T>(
        paths: &[PathBuf],
        look: impl Fn(&Path) -> Result<T, Error>,
        mut take: impl FnMut(&Path, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for Asked { photo, found } in folder::asked(paths)? {
            match look(&photo) {
                Err(error @ Error::File { .. }) if found => eprintln!("left out: {error}"),
                seen => take(&photo, seen?)?,
            }
        }
        Ok(())
    }

    fn embed_photo(backbone: &Backbone, photo: &Path, views: Views) -> Result<Embedding, Error> {
        let picture = folder::read_picture(photo)?;
        pollster::block_on(embedder::embed(backbone, &picture, views))
    }

    fn fit(args: &FitArgs) -> Result<(), Error> {
        let classes = folder::classes(&args.classes)?;
        let model = learn(&start(&args.network)?, &classes, &args.how)?;
        match project::is_wanted(&args.out) {
            true => project::save(&args.out, &model, &classes),
            false => files::write(&args.out, model.to_safetensors()?),
        }
    }

    fn export_onnx(args: &OnnxArgs) -> Result<(), Error> {
        let (manifest, network) = weights::open(&args.weights)?;
        let about = About {
            network: &manifest.identity,
            origin: &manifest.origin,
        };
        let file = match &args.head {
            Some(head) => saved(head, &manifest.identity)?.0.onnx(network, &manifest.origin)?,
            None => onnx::backbone(network, &about)?,
        };
        files::write(&args.out, file)
    }

    fn print_link(args: &LinkArgs) -> Result<(), Error> {
        let mut model = Model::from_safetensors(&files::read(&args.model)?)?;
        print_line(&format!("{}{}", link::FRAGMENT, model.link()?))
    }

    fn predict(args: &PredictArgs) -> Result<(), Error> {
        let running = start(&args.network)?;
        if let Some(text) = link_text(&args.model)? {
            return predict_shared(&running, &link::read(&text)?, args);
        }
        let (mut model, views) = match args.model.is_dir() {
            true => (learn(&running, &folder::classes(&args.model)?, &args.how)?, Views::All),
            false if args.how.metric.is_some() => {
                return Err(Error::Option {
                    name: "metric",
                    expected: "a folder of classes to learn: a saved model has its own",
                    got: args.model.display().to_string(),
                });
            }
            false => saved(&args.model, &running.manifest.identity)?,
        };
        let classes = model.classes().to_vec();
        let tuned = model.tuned().cloned();
        let look = |photo: &Path| query(&running.backbone, photo, views, tuned.as_deref());
        tell(args, classes, look, |query| model.predict(query))
    }

    /// Says what each photo is: in a sentence, or as a row of a table.
    fn tell<Q>(
        args: &PredictArgs,
        classes: Vec<String>,
        look: impl Fn(&Path) -> Result<Q, Error>,
        mut name: impl FnMut(Q) -> Result<Prediction, Error>,
    ) -> Result<(), Error> {
        if !args.csv {
            return each(&args.photos, look, |photo, query| {
                print_line(&describe(photo, &name(query)?, &classes))
            });
        }
        let mut answers = Answers::new(io::stdout(), classes, args.threshold)?;
        each(&args.photos, look, |photo, query| {
            answers.add(&photo.display().to_string(), &name(query)?)
        })
    }

    /// The text of a share link, which is given as it is or in a file; `None` where something else is given.
    fn link_text(given: &Path) -> Result<Option<String>, Error> {
        if given.is_dir() {
            return Ok(None);
        }
        let text = match given.is_file() {
            true => String::from_utf8(files::read(given)?).unwrap_or_default(),
            false => given.to_string_lossy().into_owned(),
        };
        Ok(text.contains(link::FRAGMENT).then_some(text))
    }

    /// Names photos by the classifier of a share link.
    fn predict_shared(running: &Running, shared: &Shared, args: &PredictArgs) -> Result<(), Error> {
        shared.check_network(&running.manifest.identity)?;
        let classes = shared.classes().iter().map(|class| class.name.clone()).collect();
        let look = |photo: &Path| embed_photo(&running.backbone, photo, Views::All);
        tell(args, classes, look, |embedding| Ok(shared.predict(&embedding)))
    }

    /// A file that `fit` or the page saved, by its content, for the network with this hash; and how its photos are looked at.
    fn saved(file: &Path, network: &str) -> Result<(Model, Views), Error> {
        if project::is_archive(file)? {
            return project::open(file, network);
        }
        let model = Model::from_safetensors(&files::read(file)?)?;
        model.check_network(network)?;
        Ok((model, Views::All))
    }

    /// A photo, embedded as a model with this tuned layer needs it.
    fn query(backbone: &Backbone, photo: &Path, views: Views, tuned: Option<&Tuned>) -> Result<Query, Error> {
        match tuned {
            Some(tuned) => {
                let picture = folder::read_picture(photo)?;
                pollster::block_on(embedder::embed_tuned(backbone, &picture, views, tuned))
            }
            None => Ok(Query::from(&embed_photo(backbone, photo, views)?)),
        }
    }

    /// Learns a folder with a folder of photos per class.
    fn learn(running: &Running, folders: &[ClassFolder], how: &How) -> Result<Model, Error> {
        let mut classes = Vec::new();
        for class in folders {
            let shots = class
                .photos
                .iter()
                .map(|photo| embed_photo(&running.backbone, photo, Views::All));
            classes.push((class.name.clone(), shots.collect::<Result<Vec<_>, _>>()?));
        }
        let network = &running.manifest.identity;
        let request = &how.settings.request(how.method);
        let metric = how.metric.as_deref().map(|file| metric::open(file, network));
        let metric = metric.transpose()?;
        if request.method != Method::Deep {
            return Model::fit(&classes, network, request, metric);
        }
        if let Some(metric) = metric {
            return Err(metric.refuses(request.method));
        }
        let photos: Vec<&PathBuf> = folders.iter().flat_map(|class| &class.photos).collect();
        let picture = |index: usize| folder::read_picture(photos[index]);
        let layer4 = folded_layer4(&running.state_dict)?;
        Model::learnt(&classes, network, request.method, |episode| {
            let examples = ShotMaps::new(episode, request, None)?;
            deep::learn(examples, &running.backbone, &layer4, &picture, &|line| {
                eprintln!("{line}")
            })
        })
    }

    /// Path, then class and per cent, best first, then how sure it is that the photo is any of them.
    fn describe(photo: &Path, prediction: &Prediction, classes: &[String]) -> String {
        let mut scores: Vec<_> = prediction.scores.iter().collect();
        scores.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        let percent = |share: f32| format!("{:.1} %", share * 100.0);
        let score = |score: &&Score| format!("{} {}", classes[score.class_id as usize], percent(score.probability));
        let columns: Vec<String> = scores.iter().map(score).collect();
        let familiar = percent(prediction.familiarity.probability);
        format!("{}\t{}\tany of these {familiar}", photo.display(), columns.join("\t"))
    }

    /// Prints to standard output; a reader that has gone away ends the program with its error, not a panic.
    fn print_line(line: &str) -> Result<(), Error> {
        writeln!(io::stdout(), "{line}").map_err(|source| Error::Io {
            path: "standard output".into(),
            source,
        })
    }
}
