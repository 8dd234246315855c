//! The way from a request to its component.

use airssys_spec::manifest::{HttpRoute, HttpTarget};
use airssys_wasm::{ComponentHost, Entrance};
use hyper::Method;

use crate::answer::NoAnswer;
use crate::error::ServeError;
use crate::files::Files;
use crate::service::{HANDLE, HANDLER, Http};

/// The routes of a listener, in the order in which they are tried.
pub(crate) struct Routes {
    routes: Vec<(HttpRoute, Target)>,
}

/// The part of the app that answers a request.
pub(crate) enum Target {
    Component(Entrance),
    Files(Files),
}

impl Routes {
    /// Finds the components and the folders of the routes.
    pub(crate) fn new(host: &ComponentHost, routes: &[HttpRoute]) -> Result<Routes, ServeError> {
        let with_target = |route: &HttpRoute| {
            let target = match &route.target {
                HttpTarget::Component(component) => {
                    let entrance = host.entrance::<Http>(component, HANDLER, HANDLE);
                    let no_handler = || ServeError::NoHandler { component: component.clone() };
                    Target::Component(entrance.ok_or_else(no_handler)?)
                }
                HttpTarget::Files(folder) => Target::Files(Files::open(folder)?),
            };
            Ok((route.clone(), target))
        };
        Ok(Routes { routes: routes.iter().map(with_target).collect::<Result<_, _>>()? })
    }

    /// Returns the target of the first route that takes a request, and the part of its path for which the
    /// route's `*` stands.
    pub(crate) fn find<'a>(
        &self,
        host: Option<&str>,
        method: &Method,
        path: &'a str,
    ) -> Result<(&Target, &'a str), NoAnswer> {
        let here = || {
            let takes_host = |route: &HttpRoute| match &route.host {
                Some(own) => host.is_some_and(|host| host.eq_ignore_ascii_case(own)),
                None => true,
            };
            self.routes
                .iter()
                .filter(move |(route, _)| takes_host(route))
                .filter_map(|(route, target)| Some((route, target, route.path.rest(path)?)))
        };
        let takes_method =
            |route: &HttpRoute| route.method.as_deref().is_none_or(|own| own == method.as_str());
        if let Some((_, target, rest)) = here().find(|(route, ..)| takes_method(route)) {
            return Ok((target, rest));
        }
        let mut methods: Vec<_> = here().filter_map(|(route, ..)| route.method.as_deref()).collect();
        methods.sort_unstable();
        methods.dedup();
        match methods.is_empty() {
            true => Err(NoAnswer::NotFound),
            false => Err(NoAnswer::OtherMethod(methods.join(", "))),
        }
    }
}
