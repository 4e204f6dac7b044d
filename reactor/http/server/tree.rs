//! Resources by their paths.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::http::server::function::IntoResource;
use crate::http::server::request::Request;
use crate::http::server::resource::{Answer, Resource};
use crate::http::server::response::Response;
use crate::http::wire::status::Status;

/// A resource with children, which may be put and taken at any time. Clones are the same tree.
///
/// ```
/// use reactor::http::{Request, Response, Tree};
///
/// let root = Tree::new();
/// root.put_child("", |_: Request| Response::text("this is /\n"));
/// let users = root.put_tree("users");
/// users.put_parameter("user", |request: Request| {
///     Response::text(format!("this is {}\n", request.parameter("user").unwrap_or_default()))
/// });
/// ```
#[derive(Clone, Default)]
pub struct Tree(Rc<RefCell<Children>>);

#[derive(Default)]
struct Children {
    /// In the order of their names' lengths, and then of the names: most of a search compares
    /// numbers.
    by_name: Vec<(String, Rc<dyn Resource>)>,
    any: Option<(&'static str, Rc<dyn Resource>)>,
    fallback: Option<Rc<dyn Resource>>,
}

impl Children {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.by_name.binary_search_by(|(known, _)| {
            // Two numbers mostly decide; the bytes are compared for names of the same length alone.
            let by_length = known.len().cmp(&name.len());
            by_length.then_with(|| known.as_str().cmp(name))
        })
    }

    fn get(&self, name: &str) -> Option<&Rc<dyn Resource>> {
        let index = self.find(name).ok()?;
        Some(&self.by_name[index].1)
    }
}

impl Tree {
    /// A tree without children.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a resource below this one. One of the same name is replaced. The child of the empty name
    /// answers for the tree's own path, with or without a slash at its end.
    pub fn put_child<K>(&self, name: impl Into<String>, child: impl IntoResource<K>) {
        self.put(name.into(), Rc::new(child.into_resource()));
    }

    /// Puts a resource that is shared below this one.
    pub fn put(&self, name: impl Into<String>, child: Rc<dyn Resource>) {
        let name = name.into();
        let mut children = self.0.borrow_mut();
        let before = match children.find(&name) {
            Ok(index) => Some(std::mem::replace(&mut children.by_name[index].1, child)),
            Err(index) => {
                children.by_name.insert(index, (name, child));
                None
            }
        };
        drop(children);
        // It may look at the tree when it is dropped.
        drop(before);
    }

    /// Puts a tree without children below this one, and returns it.
    pub fn put_tree(&self, name: impl Into<String>) -> Self {
        let tree = Self::new();
        self.put_child(name, tree.clone());
        tree
    }

    /// Puts the resource that every segment leads to which is not a child's name. It finds the
    /// segment in [`Request::parameter`] under `name`.
    ///
    /// The segment is used up: what answers there, such as [`Files`](crate::http::Files), sees only what
    /// is behind it in the path. [`put_fallback`](Self::put_fallback) uses nothing up.
    pub fn put_parameter<K>(&self, name: &'static str, child: impl IntoResource<K>) {
        let before = self
            .0
            .borrow_mut()
            .any
            .replace((name, Rc::new(child.into_resource())));
        drop(before);
    }

    /// Puts the resource that answers for all paths below this tree which no child and no parameter
    /// leads to, and for the tree's own path if there is no child of the empty name. One that was there
    /// before is replaced.
    ///
    /// It answers by itself, as a leaf does, and finds in [`Request::path_below`] what is behind this
    /// tree's path. So [`Files`](crate::http::Files) may stand at `/` beside other resources:
    ///
    /// ```
    /// use reactor::Reactor;
    /// use reactor::http::{Files, Request, Response, Tree};
    ///
    /// let reactor = Reactor::new()?;
    /// let root = Tree::new();
    /// root.put_child("users", |_: Request| Response::text("nobody\n"));
    /// root.put_fallback(Files::new(&reactor, "public")); // also /, which is public/index.html
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A path that has led to a child is that child's business: where nothing is below the child, the
    /// answer is its own, and not this resource's.
    pub fn put_fallback<K>(&self, resource: impl IntoResource<K>) {
        let before = self
            .0
            .borrow_mut()
            .fallback
            .replace(Rc::new(resource.into_resource()));
        drop(before);
    }

    /// Takes a child out, which answers no new requests. Returns whether it was there.
    pub fn take_child(&self, name: &str) -> bool {
        let mut children = self.0.borrow_mut();
        let found = children.find(name).ok();
        let taken = found.map(|index| children.by_name.remove(index));
        drop(children);
        taken.is_some()
    }

    /// The names of the children, in the order of the alphabet.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let children = self.0.borrow();
        let mut names: Vec<String> = children.by_name.iter().map(|(n, _)| n.clone()).collect();
        names.sort();
        names
    }
}

impl Resource for Tree {
    /// A tree that has neither a child of the empty name nor a fallback is nothing by itself.
    fn render(&self, _: Request) -> Answer {
        Response::error(Status::NOT_FOUND).into()
    }

    fn index(&self) -> Option<Rc<dyn Resource>> {
        let children = self.0.borrow();
        children.get("").or(children.fallback.as_ref()).cloned()
    }

    fn fallback(&self) -> Option<Rc<dyn Resource>> {
        self.0.borrow().fallback.clone()
    }

    fn get_child(&self, segment: &str, request: &Request) -> Option<Rc<dyn Resource>> {
        let children = self.0.borrow();
        if let Some(child) = children.get(segment) {
            return Some(Rc::clone(child));
        }
        let (name, child) = children.any.as_ref()?;
        // A child of this very name goes before: `users/new` is not the user called new.
        request.set_parameter(name, segment);
        Some(Rc::clone(child))
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tree").field(&self.names()).finish()
    }
}
