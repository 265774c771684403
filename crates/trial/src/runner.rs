//! Plays scenarios: those that leave the stack alone beside each other, the others one by one.

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use brainops_testkit::PrivateStack;
use futures::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::disk::{Disks, SmallDisk};
use crate::judge::judge;
use crate::report::{Line, table};
use crate::room::Room;
use crate::scenario::Scenario;
use crate::stage::Stage;

/// How many scenarios play beside each other.
const BESIDE: usize = 4;

/// The size of a small disk: room for a while of work, and soon filled.
const DISK_MIB: u32 = 400;

/// How long one scenario may take.
const LIMIT: Duration = Duration::from_secs(240);

/// How often a planted mistake may stay unseen: what shows in five of eight attempts stays so once in 100,000 runs.
const ATTEMPTS: u64 = 12;

/// How far the seeds of such attempts lie apart.
const SEEDS_APART: u64 = 1_000_003;

/// How much of a line of a worker's log is shown.
const LINE_CHARACTERS: usize = 400;

/// The words with which a scenario says that nobody can play it on this machine.
pub(crate) const NOT_HERE: &str = "not on this machine: ";

/// Plays all scenarios whose title has the text of one of `filters`, or all, with `TRIAL_SEEDS` seeds each (default 1)
/// from `TRIAL_SEED` on (default: the clock). Prints a line for each and the table of planted bugs; answers whether
/// all is good. `TRIAL_RESULTS` names a file that gets a line of fields for each.
///
/// # Panics
/// When the stack does not start, or the environment has something else than numbers.
pub async fn run_all(scenarios: Vec<Scenario>, filters: &[String]) -> bool {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let (first, seeds) = (number("TRIAL_SEED").unwrap_or(clock), number("TRIAL_SEEDS").unwrap_or(1));
    let is_chosen = |scenario: &Scenario| {
        filters.is_empty() || filters.iter().any(|filter| scenario.title().contains(filter.as_str()))
    };
    let chosen: Vec<Scenario> = scenarios.into_iter().filter(is_chosen).collect();
    println!("{} scenarios, {seeds} seeds from TRIAL_SEED={first} on", chosen.len());
    if chosen.is_empty() {
        return false;
    }
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be listened for");
    tokio::select! {
        is_good = play_all(chosen, first..first + seeds) => is_good,
        _ = tokio::signal::ctrl_c() => false,
        _ = terminate.recv() => false,
    }
}

async fn play_all(chosen: Vec<Scenario>, seeds: Range<u64>) -> bool {
    let stack = Arc::new(PrivateStack::up().await);
    let folder = stack.folder().join("trial");
    let mut lines = Vec::new();
    for seed in seeds {
        let (alone, beside): (Vec<_>, Vec<_>) =
            chosen.iter().cloned().partition(|scenario| scenario.touches_the_stack);
        let playing = futures::stream::iter(beside)
            .map(|scenario| play_until_seen(stack.clone(), scenario, seed, &folder));
        lines.extend(playing.buffer_unordered(BESIDE).collect::<Vec<_>>().await);
        for scenario in alone {
            lines.push(play_until_seen(stack.clone(), scenario, seed, &folder).await);
        }
    }
    if lines.iter().any(|line| line.bug.is_some()) {
        println!("{}", table(&lines));
    }
    let bad = lines.iter().filter(|line| !line.is_good()).count();
    println!("{} runs, {bad} bad", lines.len());
    bad == 0
}

/// A planted mistake may need luck to show (a part of what was sent must have arrived, and the wrong part): it gets
/// some seeds. Anything else is played once.
async fn play_until_seen(stack: Arc<PrivateStack>, scenario: Scenario, seed: u64, folder: &Path) -> Line {
    let mut attempt = 0;
    loop {
        let (line, place) = play(stack.clone(), scenario.clone(), seed + attempt * SEEDS_APART, folder).await;
        attempt += 1;
        if scenario.bug.is_none() || line.is_good() || attempt == ATTEMPTS {
            tell(&line, &place);
            return line;
        }
        println!("     | {} | seed {} | nothing seen, again", line.title, line.seed);
    }
}

async fn play(stack: Arc<PrivateStack>, scenario: Scenario, seed: u64, folder: &Path) -> (Line, PathBuf) {
    let name: String =
        scenario.title().chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
    let folder = folder.join(format!("{name}-{seed}"));
    std::fs::create_dir_all(&folder).expect("a folder for the scenario");
    let began = Instant::now();
    // A task of its own, so that an assertion that fails costs this scenario alone.
    let (same, place, again) = (scenario.clone(), folder.clone(), stack.clone());
    let played =
        tokio::spawn(
            async move { tokio::time::timeout(LIMIT, play_on_a_stack(stack, same, seed, place)).await },
        );
    let failed = |trouble: String| Line { trouble: Some(trouble), ..line_of(&scenario, seed) };
    let mut line = match played.await {
        Ok(Ok(Ok(line))) => line,
        Ok(Ok(Err(error))) => failed(format!("{error:#}")),
        Ok(Err(_)) => failed(format!("no end after {} s", LIMIT.as_secs())),
        Err(error) => failed(error.to_string()),
    };
    line.took = began.elapsed();
    if scenario.touches_the_stack && !line.is_good() {
        again.up_again().await; // the next one finds everything running
    }
    (line, folder)
}

async fn play_on_a_stack(
    stack: Arc<PrivateStack>,
    scenario: Scenario,
    seed: u64,
    folder: PathBuf,
) -> anyhow::Result<Line> {
    if !scenario.on_small_disks {
        return Ok(play_in_a_room(stack, scenario, seed, folder, None).await?.0);
    }
    let own = PrivateStack::up().await;
    own.down().await;
    let disks = match small_disks(own.folder()) {
        Ok(disks) => disks,
        Err(error) => {
            own.reset().await;
            let mut line = line_of(&scenario, seed);
            line.passed_over = Some(error.to_string());
            return Ok(line);
        }
    };
    own.up_again().await;
    let own = Arc::new(own);
    let (line, disks) = play_in_a_room(own.clone(), scenario, seed, folder, Some(disks)).await?;
    own.down().await;
    drop(disks);
    if let Ok(own) = Arc::try_unwrap(own) {
        own.reset().await;
    }
    Ok(line)
}

fn small_disks(folder: &Path) -> anyhow::Result<Disks> {
    let kafka = SmallDisk::under(&folder.join("kafka"), DISK_MIB)?;
    let home = std::fs::canonicalize(folder.join("postgres"))?;
    // Its owner may not enter what a mount has made for us alone.
    let data = home.join("data");
    Ok(Disks { kafka, postgres: SmallDisk::under(&data, DISK_MIB)? })
}

fn line_of(scenario: &Scenario, seed: u64) -> Line {
    Line {
        title: scenario.title(),
        bug: scenario.bug,
        seed,
        events: 0,
        violations: Vec::new(),
        trouble: None,
        passed_over: None,
        recovered_in: None,
        took: Duration::ZERO,
    }
}

async fn play_in_a_room(
    stack: Arc<PrivateStack>,
    scenario: Scenario,
    seed: u64,
    folder: PathBuf,
    disks: Option<Disks>,
) -> anyhow::Result<(Line, Option<Disks>)> {
    let room = Room::new(stack).await?;
    let mut stage = Stage::new(room, seed, scenario.bug, folder).on_disks(disks);
    let mut line = line_of(&scenario, seed);
    match (scenario.play)(&mut stage).await {
        Err(error) if error.to_string().starts_with(NOT_HERE) => line.passed_over = Some(error.to_string()),
        Err(error) if scenario.bug.is_none() => line.trouble = Some(format!("{error:#}")),
        // With a planted bug the play itself may come to nothing; what counts is what the checker sees.
        Ok(()) | Err(_) => line.violations = judge(&mut stage).await,
    }
    line.events = stage.ledger.acknowledged();
    line.recovered_in = stage.recovered_in;
    let disks = stage.close().await?;
    Ok((line, disks))
}

fn tell(line: &Line, folder: &Path) {
    let mut text = line.text();
    if !line.is_good() {
        if let Some(trouble) = &line.trouble {
            text.push_str(&format!("\n     not played to its end: {trouble}"));
        }
        for violation in &line.violations {
            text.push_str(&format!("\n     {violation}"));
        }
        text.push_str(&words_of_workers(folder));
    }
    println!("{text}");
    if let Some(path) = std::env::var_os("TRIAL_RESULTS") {
        let file = std::fs::File::options().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{}", line.fields())).expect("results are written");
    }
}

/// The last lines of each worker's log: the folder goes with the stack.
fn words_of_workers(folder: &Path) -> String {
    let mut text = String::new();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "log")) {
        let log = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()).into_owned();
        let lines: Vec<&str> = log.lines().collect();
        text.push_str(&format!("\n     ---- {}", entry.file_name().to_string_lossy()));
        for line in &lines[lines.len().saturating_sub(25)..] {
            let line: String = line.chars().take(LINE_CHARACTERS).collect();
            text.push_str(&format!("\n     {line}"));
        }
    }
    text
}
