//! `airssys grants`: the rights of components in a running app.

use airssys_wasm::control::{Answer, Request};
use airssys_wasm::{ComponentGrants, GrantChange, GrantOrigin, GrantVerb};

use crate::args::{Grants, GrantsCommand};
use crate::control::{ask, unexpected};
use crate::failure::Failure;
use crate::output::print_json;
use crate::tables;

pub(crate) fn grants(args: Grants) -> Result<(), Failure> {
    let Grants { target, command } = args;
    let request = match command {
        GrantsCommand::List { component } => Request::Grants { component },
        GrantsCommand::Give(grant) => Request::Give {
            component: grant.component,
            capability: grant.right.into(),
            pattern: grant.pattern,
        },
        GrantsCommand::Revoke(grant) => Request::Revoke {
            component: grant.component,
            capability: grant.right.into(),
            pattern: grant.pattern,
        },
    };
    match ask(&target, request)? {
        Answer::Grants { components } if target.json => print_json(&components),
        Answer::Grants { components } => {
            list(&components);
            Ok(())
        }
        Answer::GrantChanged(change) if target.json => print_json(&change),
        Answer::GrantChanged(change) => {
            for line in change_lines(&change) {
                anstream::println!("{line}");
            }
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}

fn list(components: &[ComponentGrants]) {
    let mut table = tables::empty(["component", "right", "asks for", "granted", "by"]);
    for component in components {
        if component.grants.is_empty() {
            table.add_row([component.component.as_str(), "–", "nothing", "–", "–"]);
        }
        for kind in &component.grants {
            let asked = kind.asked.join(", ");
            let granted: Vec<&str> = kind.granted.iter().map(|granted| granted.pattern.as_str()).collect();
            let by: Vec<&str> = kind.granted.iter().map(|granted| origin(granted.from)).collect();
            let or_none =
                |texts: Vec<&str>| if texts.is_empty() { "–".to_owned() } else { texts.join(", ") };
            table.add_row([
                component.component.clone(),
                kind.capability.key().to_owned(),
                asked,
                or_none(granted),
                or_none(by),
            ]);
        }
    }
    tables::print("Grants", table);
}

fn origin(from: GrantOrigin) -> &'static str {
    match from {
        GrantOrigin::App => "app.toml",
        _ => "run time",
    }
}

/// The effect of a change, in lines.
fn change_lines(change: &GrantChange) -> Vec<String> {
    let GrantChange { component, capability, pattern, .. } = change;
    let key = capability.key();
    let list = |patterns: &[String]| format!("{patterns:?}");
    let mut lines = vec![match (change.verb, change.changed) {
        (GrantVerb::Give, true) => {
            format!("{component} is granted {key} = [{pattern:?}], until the run ends")
        }
        (GrantVerb::Give, false) => {
            format!("nothing changed: {component} already has {key} = {}", list(&change.allowed_by))
        }
        (GrantVerb::Revoke, true) => format!("{component} lost {key} = {}", list(&change.removed)),
        (GrantVerb::Revoke, false) => {
            format!("nothing changed: {component} is not granted {key} = [{pattern:?}]")
        }
    }];
    if change.verb == GrantVerb::Revoke && !change.allowed_by.is_empty() {
        lines.push(format!("part of it is still allowed by {key} = {}", list(&change.allowed_by)));
    }
    if !change.ended.is_empty() {
        lines.push(format!("ended subscriptions: {}", change.ended.join(", ")));
    }
    if !change.restored.is_empty() {
        lines.push(format!("restored subscriptions: {}", change.restored.join(", ")));
    }
    lines
}
