//! Checks the settings of `app.toml` against its components.

use std::path::Path;

use airssys_core::RestartPolicy;
use airssys_message::Codec;

use super::{Member, Team};
use crate::manifest::limits::Written;
use crate::manifest::load::{Files, join};
use crate::manifest::reader::Setting;
use crate::manifest::suggest::nearest_or_all;

impl Team<'_> {
    pub(super) fn check(&self) {
        self.check_names();
        self.check_until();
        self.check_report();
        for member in &self.members {
            self.check_subscriptions(member);
            self.check_input(member);
        }
        self.check_limits();
        self.check_routes();
    }

    /// Reports an input of several instances, because each would read the whole input.
    fn check_input(&self, member: &Member<'_>) {
        let reads = member.read.asked.input.written().is_some_and(|input| input.value);
        let several = member.entry.instances.written().filter(|instances| instances.value != 1);
        if let (true, Some(instances)) = (reads, several) {
            let name = member.name.as_ref().map_or("the component", |name| name.value.as_str());
            let message = format!("`{name}` reads an input, but has {} instances", instances.value);
            let help = "write `instances = 1`: each of several would read all of it".to_owned();
            self.app.document.report(Some(instances.span.clone()), message, help);
        }
    }

    /// Reports routes to components that the app does not have.
    fn check_routes(&self) {
        let components = self.app.http.iter().flat_map(|listener| &listener.components);
        for component in components.filter(|_| self.is_complete()) {
            if self.member(&component.value).is_none() {
                let message =
                    format!("a route names `{}`, and the app has no such component", component.value);
                let help = nearest_or_all(&component.value, "component", &self.names());
                self.app.document.report(Some(component.span.clone()), message, help);
            }
        }
    }

    fn check_names(&self) {
        for (index, member) in self.members.iter().enumerate() {
            let Some(name) = &member.name else { continue };
            let before = self.members[..index].iter().filter_map(|member| member.name.as_ref());
            if let Some(first) = before.into_iter().find(|first| first.value == name.value) {
                let document = &self.app.document;
                let message = format!(
                    "`{}` is the name of the component at {} too",
                    name.value,
                    document.line_of(&first.span)
                );
                let verb = if member.entry.name.is_absent() { "add" } else { "write" };
                let free = self.free_name(&name.value, index);
                let help = format!("give this one a name of its own: {verb} `name = \"{free}\"`");
                document.report(Some(name.span.clone()), message, help);
            }
        }
    }

    /// Returns a name that no component or group has. Different components get different names.
    fn free_name(&self, name: &str, index: usize) -> String {
        let equal = |member: &&Member<'_>| member.name.as_ref().is_some_and(|own| own.value == name);
        let before = self.members[..index].iter().filter(equal).count();
        let is_free =
            |name: &String| self.member(name).is_none() && self.group_names().all(|group| group != name);
        let mut free = (2..).map(|number| format!("{name}-{number}")).filter(is_free);
        free.nth(before.saturating_sub(1)).unwrap_or_default()
    }

    /// Returns the component that a key of `[app]` names, and reports a name that no component has.
    fn named(&self, key: &str, name: &Setting<String>) -> Option<&Member<'_>> {
        let name = name.written()?;
        let found = self.member(&name.value);
        if found.is_none() && self.is_complete() {
            let message = format!("`{key}` names `{}`, which is not a component of the app", name.value);
            let help = nearest_or_all(&name.value, "component", &self.names());
            self.app.document.report(Some(name.span.clone()), message, help);
        }
        found
    }

    fn check_until(&self) {
        let until = &self.app.until;
        let (Some(name), Some(member)) = (until.written(), self.named("until", until)) else { return };
        if let Some(instances) = member.entry.instances.written().filter(|instances| instances.value != 1) {
            let message = format!("`{}` ends the run, but has {} instances", name.value, instances.value);
            let help = "write `instances = 1`, or name another component as the one of until".to_owned();
            self.app.document.report(Some(instances.span.clone()), message, help);
        }
        // A wrong restart policy is reported as such.
        if member.entry.restart.or(RestartPolicy::Permanent) == Some(RestartPolicy::Permanent) {
            let message = format!(
                "`{}` ends the run when it has stopped, but it is permanent: whenever it stops it is restarted",
                name.value
            );
            let verb = if member.entry.restart.is_absent() { "add" } else { "write" };
            let help = format!("{verb} `restart = \"transient\"` in its [[component]]");
            self.app.document.report(Some(name.span.clone()), message, help);
        }
    }

    fn check_report(&self) {
        let report = &self.app.report;
        let (Some(name), Some(member)) = (report.written(), self.named("report", report)) else { return };
        if let Some(accepts) = member.read.asked.accepts_without(Codec::Cbor) {
            let message =
                format!("`{}` is asked for its report in cbor, which it does not accept", name.value);
            let codecs = accepts.codecs().chain([Codec::Cbor]);
            let all: Vec<_> = codecs.map(Codec::name).collect();
            let file = member.manifest_file.display();
            let help = format!("write `accepts = {all:?}` under [messages] of {file}");
            self.app.document.report(Some(name.span.clone()), message, help);
        }
    }

    /// Reports every limit above the app's bound.
    ///
    /// The first report has the whole table to paste, because tables and keys cannot be added twice.
    /// The others refer to it.
    fn check_limits(&self) {
        let (app, bounds) = (&self.app.document, &self.app.limits);
        let mut first: Option<String> = None;
        for member in self.in_order() {
            let document = &member.read.document;
            let name = member.name.as_ref().map_or("the component", |name| name.value.as_str());
            let mut asked: Vec<_> = member.read.asked.limits.iter().zip(bounds.iter()).collect();
            asked.sort_by_key(|((_, amount), _)| amount.written().map(|amount| amount.span.start));
            for ((row, amount), (_, most)) in asked {
                let allowed = (row.get)(&self.limits);
                let above = amount.written().filter(|amount| amount.value > allowed && !most.is_wrong());
                let Some(amount) = above else { continue };
                let (key, wanted, allowed) = (row.key, row.unit.show(amount.value), row.unit.show(allowed));
                let file = app.file.display();
                let message = format!("`{name}` asks for {key} = {wanted}, and {file} allows {allowed}");
                let help = match (&first, &bounds.span) {
                    (Some(first), _) => {
                        format!("ask for less; or the table in the help about {first} allows this too")
                    }
                    (None, Some(span)) => {
                        let table = app.line_of(span);
                        format!(
                            "ask for less, or replace the table at {table} with:\n{}",
                            self.merged_limits()
                        )
                    }
                    (None, None) => format!("ask for less, or add to {file}:\n{}", self.merged_limits()),
                };
                first.get_or_insert_with(|| document.line_of(&amount.span));
                document.report(Some(amount.span.clone()), message, help);
            }
        }
    }

    /// Returns the components in the order in which the mistakes in their manifests are shown.
    fn in_order(&self) -> Vec<&Member<'_>> {
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by_key(|member| {
            self.members.iter().position(|other| other.manifest_file == member.manifest_file)
        });
        members
    }

    /// Reports more static subscriptions than the limit allows.
    fn check_subscriptions(&self, member: &Member<'_>) {
        let (asked, document) = (&member.read.asked, &member.read.document);
        let name = member.name.as_ref().map_or("the component", |name| name.value.as_str());
        let (subscribes, limit) = (asked.subscribes.items.len(), self.limits(member).subscriptions);
        let is_known = |limits: &Written| !limits.is_wrong("subscriptions");
        if subscribes > limit && is_known(&asked.limits) && is_known(&self.app.limits) {
            let message = format!(
                "`{name}` has {subscribes} entries in `subscribes`, and its limit is subscriptions = {limit}"
            );
            let file = match self.limits.subscriptions < subscribes {
                true => format!(" of {}", self.app.document.file.display()),
                false => String::new(),
            };
            let line = format!("`subscriptions = {subscribes}` under [limits]{file}");
            let help = format!("write fewer patterns, or write {line}");
            document.report(asked.subscribes.span.clone(), message, help);
        }
    }

    /// Returns a `[limits]` table of the app that allows everything its components ask for.
    fn merged_limits(&self) -> String {
        let mut lines = vec!["[limits]".to_owned()];
        for (index, (row, bound)) in self.app.limits.iter().enumerate() {
            let asked = self.members.iter().filter_map(|member| {
                let (_, amount) = member.read.asked.limits.iter().nth(index)?;
                amount.written().map(|amount| amount.value)
            });
            let above = asked.max().filter(|most| *most > (row.get)(&self.limits));
            if let Some(amount) = above.or(bound.written().map(|bound| bound.value)) {
                lines.push(format!("{} = {}", row.key, row.unit.show(amount)));
            }
        }
        lines.join("\n")
    }

    /// Reports every per-target limit whose target does not exist.
    pub(super) fn check_per_target(&self, member: &Member<'_>) {
        let per_target = member.read.asked.limits.per_target.iter();
        for target_limit in per_target
            .filter(|target_limit| self.is_complete() && self.member(&target_limit.value.target).is_none())
        {
            let target = &target_limit.value.target;
            let message = format!(
                "[limits.to.{target}] limits messages to `{target}`, which is not a component of the app"
            );
            let help = nearest_or_all(target, "component", &self.names());
            member.read.document.report(Some(target_limit.span.clone()), message, help);
        }
    }

    /// Checks that the folder of the audit file exists.
    pub(super) fn check_audit(&self, files: &impl Files) {
        let Some(written) = &self.app.audit else { return };
        let path = join(&self.app.document.file, &written.file.value);
        let (what, help) = match path.parent() {
            _ if files.is_folder(&path) => {
                (format!("`{}` is a folder", path.display()), "write the name of a file in it")
            }
            Some(folder) if folder != Path::new("") && !files.is_folder(folder) => (
                format!("the folder `{}` of the audit file does not exist", folder.display()),
                "make it, or write a file in another folder, relative to this file",
            ),
            _ => return,
        };
        self.app.document.report(Some(written.file.span.clone()), what, help.to_owned());
    }
}
