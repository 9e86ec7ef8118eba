//! `cargo xtask helm`: everything that puts the services onto Kubernetes, checked without a cluster.

use anyhow::Context as _;
use clap::Args;

use crate::shell;

#[derive(Debug, Default, Args)]
pub(crate) struct Arguments {
    /// Only the steps whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Folder with static programs of all services: images are built of them, and run in containers.
    #[arg(long, value_name = "DIR")]
    binaries: Option<std::path::PathBuf>,
}

/// What the checks run with.
const TOOLS: [&str; 6] = ["helm", "helm3", "nats-server", "platform-peers", "postgres", "promtool"];

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut tools = shell::fetch(&TOOLS)?;
    let built = shell::target()?.join("debug/tenure");
    if built.is_file() {
        tools.insert("tenure".to_owned(), built.display().to_string().into());
    }
    let tools = serde_json::Value::Object(tools);
    let place = std::env::temp_dir().join(format!("tenure-tools-{}.json", std::process::id()));
    std::fs::write(&place, tools.to_string()).context("write where the tools are")?;
    let done = checks(arguments, &tools, &place);
    std::fs::remove_file(&place).context("remove what names the tools")?;
    done
}

fn checks(
    arguments: &Arguments,
    tools: &serde_json::Value,
    place: &std::path::Path,
) -> anyhow::Result<()> {
    let checks = shell::root().join("tests/platform");
    let mut chart = shell::program("python3");
    chart.arg("-B").arg(checks.join("helm_checks.py")).arg("--tools").arg(place);
    shell::run(chart.arg("--only").arg(&arguments.only))?;
    let Some(python) = tools["platform-peers"].as_str() else {
        println!("helm: rules, SQL and images not checked: {}", tools["platform-peers"]["skipped"]);
        return Ok(());
    };
    let check = |name: &str| {
        let mut command = shell::program(python);
        command.arg("-B").arg(checks.join(name));
        command
    };
    match tools["promtool"].as_str() {
        Some(promtool) => {
            shell::run(check("observability_checks.py").arg("--promtool").arg(promtool))?;
        }
        None => println!("helm: rules not checked: {}", tools["promtool"]["skipped"]),
    }
    shell::run(&mut check("sql_checks.py"))?;
    let mut images = check("images_checks.py");
    if let Some(binaries) = &arguments.binaries {
        images.arg("--binaries").arg(binaries);
    }
    shell::run(&mut images)
}
