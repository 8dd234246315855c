//! Checks the rights that components ask for against the grants of `app.toml`.

use std::collections::BTreeSet;
use std::fmt::Display;

use airssys_core::Pattern;
use airssys_core::pattern::WILDCARD;

use super::{Member, Team};
use crate::capability::{Capability, grant_line};
use crate::manifest::app::Grants;
use crate::manifest::diagnostic::Document;
use crate::manifest::lists::Lists;
use crate::manifest::load::{Files, join};
use crate::manifest::reader::{List, Located, nearest_or_all};
use crate::pattern::NamePattern;
use crate::use_pattern::UsePattern;

type NameList = fn(&Lists) -> &List<NamePattern>;

/// The lists of names, of both manifests.
const NAME_LISTS: [(Capability, NameList); 2] =
    [(Capability::Send, |lists| &lists.send), (Capability::Request, |lists| &lists.request)];

impl Team<'_> {
    pub(super) fn check_grants(&self, files: &impl Files) {
        for grants in &self.app.grants {
            self.check_grant(grants, files);
        }
        // Mistakes about targets in a shared manifest are reported once, those about grants for each
        // component.
        let mut seen = BTreeSet::new();
        for member in &self.members {
            if seen.insert(&member.manifest_file) {
                for (capability, list) in NAME_LISTS {
                    self.check_targets(&member.read.document, capability, list(&member.read.asked.lists));
                }
                self.check_services(&member.read.document, &member.read.asked.lists.uses);
                self.check_per_target(member);
            }
            if let Some(name) = &member.name {
                self.check_requests(member, &name.value);
            }
        }
    }

    /// Checks that the component, the targets and the input of a table of grants exist.
    fn check_grant(&self, grants: &Grants, files: &impl Files) {
        let (document, component) = (&self.app.document, &grants.component);
        if self.member(&component.value).is_none() && self.is_complete() {
            let message =
                format!("[grants.{}] is for a component that the app does not have", component.value);
            let help = nearest_or_all(&component.value, "component", &self.names());
            document.report(Some(component.span.clone()), message, help);
        }
        for (capability, list) in NAME_LISTS {
            self.check_targets(document, capability, list(&grants.lists));
        }
        self.check_services(document, &grants.lists.uses);
        if let Some(input) = grants.input.as_ref().filter(|input| input.value != "-") {
            let file = join(&document.file, &input.value);
            if !files.is_file(&file) {
                let message = format!("`{}` is not a file", file.display());
                let help =
                    "write a file, relative to this file, or \"-\" for the program's own standard input";
                document.report(Some(input.span.clone()), message, help.to_owned());
            }
        }
    }

    /// Reports every exact name that no component or instance has.
    fn check_targets(&self, document: &Document, capability: Capability, list: &List<NamePattern>) {
        for target in list.items.iter().filter(|target| self.is_missing(&target.value)) {
            let mut segments = target.value.segments();
            let component = segments.next().unwrap_or_default();
            let (key, name) = (capability.key(), &target.value);
            let message = format!("`{key}` names `{name}`, which is not a component of the app");
            let help = match self.member(component) {
                Some(member) => format!("`{component}` has {}", instances(member)),
                None => nearest_or_all(component, "component", &self.names()),
            };
            document.report(Some(target.span.clone()), message, help);
        }
    }

    /// Reports every use of a service that the program does not have.
    fn check_services(&self, document: &Document, uses: &List<UsePattern>) {
        let Some(services) = self.services else { return };
        let unknown = |service: &str| service != WILDCARD && !services.contains(&service);
        for right in uses.items.iter().filter(|right| unknown(right.value.service())) {
            let (right_text, service) = (&right.value, right.value.service());
            let message = format!("`use` names `{right_text}`, and this program has no service `{service}`");
            document.report(Some(right.span.clone()), message, nearest_or_all(service, "service", services));
        }
    }

    /// Returns true if a pattern is the name of a component or instance that does not exist.
    fn is_missing(&self, pattern: &NamePattern) -> bool {
        if !pattern.is_exact() || !self.is_complete() {
            return false;
        }
        let mut segments = pattern.segments();
        let member = segments.next().and_then(|component| self.member(component));
        let Some(member) = member else { return true };
        let count = member.entry.instances.as_ref().map_or(1, |instances| instances.value);
        match (segments.next(), segments.next()) {
            (None, _) => false,
            (Some(number), None) => count == 1 || !is_number(number, count),
            _ => true,
        }
    }

    /// Reports every right that a component asks for and the app does not grant.
    fn check_requests(&self, member: &Member<'_>, name: &str) {
        let (asked, grants) = (&member.read.asked, self.grants(name));
        let lists = grants.map(|grants| &grants.lists);
        let request = Request { team: self, member, name };
        // A component may also ask for rights that it has without a grant.
        let own = name.parse::<NamePattern>().ok();
        let is_own = |pattern: &NamePattern| own.as_ref().is_some_and(|own| own.covers(pattern));
        for (capability, list) in NAME_LISTS {
            let is_settled = |pattern: &NamePattern| {
                self.is_missing(pattern) || (capability == Capability::Send && is_own(pattern))
            };
            let wanted = list(&asked.lists).items.iter().filter(|pattern| !is_settled(&pattern.value));
            request.check(capability, wanted, lists.map(list));
        }
        request.check(Capability::Publish, &asked.lists.publish.items, lists.map(|lists| &lists.publish));
        let wanted = asked.subscribes.items.iter().chain(&asked.lists.subscribe.items);
        request.check(Capability::Subscribe, wanted, lists.map(|lists| &lists.subscribe));
        request.check(Capability::Use, &asked.lists.uses.items, lists.map(|lists| &lists.uses));
        let input = asked.input.as_ref().filter(|input| input.value);
        if let (Some(input), false) = (input, grants.is_some_and(|grants| grants.has_input)) {
            request.refuse(Capability::Input, "", input, request.addition(Capability::Input, &[]));
        }
    }
}

/// A component and the rights that it asks for.
struct Request<'a> {
    team: &'a Team<'a>,
    member: &'a Member<'a>,
    name: &'a str,
}

impl Request<'_> {
    /// Reports each pattern that no granted pattern covers.
    fn check<'p, P: Pattern + Display + 'p>(
        &self,
        capability: Capability,
        wanted: impl IntoIterator<Item = &'p Located<P>>,
        granted: Option<&List<P>>,
    ) {
        if granted.is_some_and(|granted| !granted.complete) {
            return;
        }
        let covered = |pattern: &P| {
            granted.is_some_and(|granted| granted.items.iter().any(|item| item.value.covers(pattern)))
        };
        let refused: Vec<_> = wanted.into_iter().filter(|pattern| !covered(&pattern.value)).collect();
        let place = granted.and_then(|granted| granted.span.as_ref());
        let place = place.map(|span| self.team.app.document.line_of(span));
        // One line has all missing patterns, because a key cannot be added twice.
        let mut lacking: Vec<String> = refused.iter().map(|pattern| pattern.value.to_string()).collect();
        let mut seen = BTreeSet::new();
        lacking.retain(|pattern| seen.insert(pattern.clone()));
        for pattern in refused {
            let help = match &place {
                Some(place) => format!("add \"{}\" to `{}` at {place}", pattern.value, capability.key()),
                None => self.addition(capability, &lacking),
            };
            self.refuse(capability, &format!(" `{}`", pattern.value), pattern, help);
        }
    }

    /// The line to add to the component's grants.
    fn addition(&self, capability: Capability, objects: &[String]) -> String {
        format!("add to [grants.{}]: {}", self.name, grant_line(capability, objects))
    }

    fn refuse<T>(&self, capability: Capability, object: &str, asked: &Located<T>, help: String) {
        let (name, verb, app) = (self.name, capability.verb(), self.team.app.document.file.display());
        let message = format!("`{name}` asks to {verb}{object}, which {app} does not grant");
        self.member.read.document.report(Some(asked.span.clone()), message, help);
    }
}

/// Returns true if a text is the number of an instance: from 1 to `most`, without leading zeros.
fn is_number(text: &str, most: u64) -> bool {
    text.parse().is_ok_and(|number: u64| (1..=most).contains(&number) && number.to_string() == text)
}

fn instances(member: &Member<'_>) -> String {
    match &member.entry.instances {
        Some(instances) if instances.value > 1 => format!("the instances /1 to /{}", instances.value),
        _ => "one instance, which has its name".to_owned(),
    }
}
