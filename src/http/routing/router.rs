//! Finds the route of a method and path in a tree of path segments, which is built once at startup. Finding a route
//! allocates nothing.

use http::Method;

use crate::http::dialects::custom::wire as custom;

/// The methods that a route answers. OPTIONS is supported everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// GET and HEAD.
    Get,
    /// GET without HEAD, for requests that begin work.
    GetOnly,
    /// POST.
    Post,
    /// DELETE.
    Delete,
}

impl Verb {
    /// The name of the method in an OpenAPI document.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get | Self::GetOnly => "get",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }

    fn answers(self, method: &Method) -> bool {
        match *method {
            Method::GET => matches!(self, Self::Get | Self::GetOnly),
            Method::HEAD => self == Self::Get,
            Method::POST => self == Self::Post,
            Method::DELETE => self == Self::Delete,
            _ => false,
        }
    }
}

/// The position of a route in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteId {
    /// The position of its API.
    pub(crate) api: usize,
    /// Its position in the table of the API.
    pub(crate) route: usize,
}

/// A route that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    /// The route.
    pub(crate) id: RouteId,
    /// The segment in place of the template's parameter; empty if the template has none.
    pub(crate) param: &'a str,
}

/// What answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A route of the tables.
    Listed(Found<'a>),
    /// A custom route.
    Custom(custom::Endpoint),
}

/// The reason why a request has no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// The path does not exist.
    NotFound,
    /// The path does not support this method; it supports these.
    Method(&'static str),
    /// The method is OPTIONS; the path supports these methods.
    Options(&'static str),
}

impl RouteError {
    /// The error for a path that does not support a method.
    pub(crate) fn method(method: &Method, allowed: &'static str) -> Self {
        if method == Method::OPTIONS {
            Self::Options(allowed)
        } else {
            Self::Method(allowed)
        }
    }
}

/// The routes of several APIs. A literal segment has precedence over a parameter.
#[derive(Debug, Default)]
pub(crate) struct Router {
    root: Node,
    aliases: Vec<fn(&str) -> &str>,
}

/// The routes whose paths begin with the same segments.
#[derive(Debug, Default)]
struct Node {
    literals: Vec<(&'static str, Self)>,
    param: Option<Box<Param>>,
    /// The routes of the path that ends here.
    routes: Vec<(Verb, RouteId)>,
}

/// A parameter in place of a segment.
#[derive(Debug)]
struct Param {
    accepts: fn(&str) -> bool,
    node: Node,
}

impl Router {
    /// Adds a route. Other values of its parameter than those that `accepts` allows do not match.
    pub(crate) fn add(
        &mut self,
        verb: Verb,
        template: &'static str,
        id: RouteId,
        accepts: fn(&str) -> bool,
    ) {
        let mut node = &mut self.root;
        let segments = template.split('/').filter(|segment| !segment.is_empty());
        for segment in segments {
            node = if segment.starts_with('{') {
                let new = || {
                    let node = Node::default();
                    Box::new(Param { accepts, node })
                };
                &mut node.param.get_or_insert_with(new).node
            } else {
                node.literal(segment)
            };
        }
        node.routes.push((verb, id));
    }

    /// Adds a function that maps other spellings of a path to the path in the table.
    pub(crate) fn add_alias(&mut self, canonical: fn(&str) -> &str) {
        self.aliases.push(canonical);
    }

    /// Finds a route. One trailing slash is ignored.
    ///
    /// # Errors
    /// [`RouteError`] if the path does not exist or does not support the method.
    pub(crate) fn find<'a>(&self, method: &Method, path: &'a str) -> Result<Found<'a>, RouteError> {
        if path == "*" && method == Method::OPTIONS {
            return Err(RouteError::Options("GET, HEAD, POST, DELETE, OPTIONS"));
        }
        if path == "/" {
            return self.root.select(method, "");
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let aliases = self.aliases.iter();
        let path = aliases.fold(path, |path, canonical| canonical(path));
        let path = path.strip_prefix('/').ok_or(RouteError::NotFound)?;
        let (mut node, mut param) = (&self.root, "");
        for segment in path.split('/') {
            let mut literals = node.literals.iter();
            node = match (
                literals.find(|(literal, _)| *literal == segment),
                &node.param,
            ) {
                (Some((_, next)), _) => next,
                (None, Some(found)) if (found.accepts)(segment) => {
                    param = segment;
                    &found.node
                }
                _ => return Err(RouteError::NotFound),
            };
        }
        node.select(method, param)
    }
}

impl Node {
    fn literal(&mut self, segment: &'static str) -> &mut Self {
        let known = self.literals.iter().position(|(name, _)| *name == segment);
        let at = known.unwrap_or_else(|| {
            self.literals.push((segment, Self::default()));
            self.literals.len() - 1
        });
        &mut self.literals[at].1
    }

    fn select<'a>(&self, method: &Method, param: &'a str) -> Result<Found<'a>, RouteError> {
        if self.routes.is_empty() {
            return Err(RouteError::NotFound);
        }
        let mut routes = self.routes.iter();
        match routes.find(|(verb, _)| verb.answers(method)) {
            Some((_, id)) => Ok(Found { id: *id, param }),
            None => Err(RouteError::method(method, self.allow())),
        }
    }

    /// The value of `Allow`.
    fn allow(&self) -> &'static str {
        let has = |verb| self.routes.iter().any(|(other, _)| *other == verb);
        let (post, delete) = (has(Verb::Post), has(Verb::Delete));
        if has(Verb::Get) {
            match (post, delete) {
                (false, false) => "GET, HEAD, OPTIONS",
                (true, false) => "GET, HEAD, POST, OPTIONS",
                (false, true) => "GET, HEAD, DELETE, OPTIONS",
                (true, true) => "GET, HEAD, POST, DELETE, OPTIONS",
            }
        } else if has(Verb::GetOnly) {
            match (post, delete) {
                (false, false) => "GET, OPTIONS",
                (true, false) => "GET, POST, OPTIONS",
                (false, true) => "GET, DELETE, OPTIONS",
                (true, true) => "GET, POST, DELETE, OPTIONS",
            }
        } else {
            match (post, delete) {
                (false, false) => "OPTIONS",
                (true, false) => "POST, OPTIONS",
                (false, true) => "DELETE, OPTIONS",
                (true, true) => "POST, DELETE, OPTIONS",
            }
        }
    }
}
