//! The way from a request to its component.

use airssys_spec::manifest::HttpRoute;
use airssys_wasm::{ComponentHost, Entrance};
use hyper::Method;

use crate::answer::NoAnswer;
use crate::error::ServeError;
use crate::service::{HANDLE, HANDLER, Http};

/// The routes of a listener, in the order in which they are tried.
pub(crate) struct Routes {
    routes: Vec<(HttpRoute, Entrance)>,
}

impl Routes {
    /// Finds the components of the routes.
    pub(crate) fn new(host: &ComponentHost, routes: &[HttpRoute]) -> Result<Routes, ServeError> {
        let with_entrance = |route: &HttpRoute| {
            let entrance = host.entrance::<Http>(&route.component, HANDLER, HANDLE);
            let no_handler = || ServeError::NoHandler { component: route.component.clone() };
            Ok((route.clone(), entrance.ok_or_else(no_handler)?))
        };
        Ok(Routes { routes: routes.iter().map(with_entrance).collect::<Result<_, _>>()? })
    }

    /// Returns the component of a request: that of the first route that takes it.
    pub(crate) fn find(
        &self,
        host: Option<&str>,
        method: &Method,
        path: &str,
    ) -> Result<&Entrance, NoAnswer> {
        let here = || {
            let takes_host = |route: &HttpRoute| match &route.host {
                Some(own) => host.is_some_and(|host| host.eq_ignore_ascii_case(own)),
                None => true,
            };
            self.routes.iter().filter(move |(route, _)| takes_host(route) && route.path.matches(path))
        };
        let takes_method =
            |route: &HttpRoute| route.method.as_deref().is_none_or(|own| own == method.as_str());
        if let Some((_, entrance)) = here().find(|(route, _)| takes_method(route)) {
            return Ok(entrance);
        }
        let mut methods: Vec<_> = here().filter_map(|(route, _)| route.method.as_deref()).collect();
        methods.sort_unstable();
        methods.dedup();
        match methods.is_empty() {
            true => Err(NoAnswer::NotFound),
            false => Err(NoAnswer::OtherMethod(methods.join(", "))),
        }
    }
}
