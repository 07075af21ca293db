//! Jinja2: a template and values → text. Renders Jinja2's own templates identically, except for how `tojson` writes
//! non-ASCII text; printing or looping over an undefined value is an error.

use std::ops::Range;
use std::sync::Arc;

use camino::Utf8Path;
use minijinja::syntax::SyntaxConfig;
use minijinja::{
    AutoEscape, Environment, ErrorKind, OutputSpan, OutputSpanKind, UndefinedBehavior,
};
use serde_json::Value;

use super::Error;

/// The template of projects that have none of their own.
pub const BUILT_IN: &str = include_str!("../../docker/compose.yaml.jinja2");

/// A template file.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its path, as messages name it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A rendered template.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// The text of every template that was used.
    pub sources: String,
    pieces: Vec<Piece>,
}

/// The origin of a piece of the text.
#[derive(Debug, Clone)]
struct Piece {
    output: Range<usize>,
    file: String,
    /// The line of the file where it begins, counted from 1.
    line: usize,
    /// Whether the file has it literally, line by line.
    is_copied: bool,
}

impl Rendered {
    /// The template and its line, counted from 1, that gave the byte at this position.
    pub(super) fn origin(&self, at: usize) -> Option<(&str, usize)> {
        let piece = self.pieces.iter().rfind(|piece| piece.output.start <= at)?;
        let end = at.min(piece.output.end);
        let copied = self.text.get(piece.output.start..end).filter(|_| piece.is_copied);
        let lines = copied.map_or(0, |text| text.matches('\n').count());
        Some((&piece.file, piece.line + lines))
    }
}

/// Gives the text of a template that is included, imported or extended, by its name; `None`: there is none.
///
/// # Errors
/// A sentence.
pub type Load = dyn Fn(&str) -> Result<Option<String>, String> + Send + Sync;

impl Template {
    /// Renders with the names in `values`, an object; `no_lock` says why `lock` is not among them.
    ///
    /// # Errors
    /// [`Error::Template`], in this template or one that it includes.
    pub fn render(
        &self,
        load: Arc<Load>,
        values: &Value,
        no_lock: Option<&str>,
    ) -> Result<Rendered, Error> {
        let mut environment = environment();
        environment.set_loader(move |name| {
            load(name).map_err(|why| minijinja::Error::new(ErrorKind::InvalidOperation, why))
        });
        let failed = |error: &minijinja::Error| self.explain(error, no_lock);
        environment
            .add_template_owned(self.name.clone(), self.text.clone())
            .map_err(|error| failed(&error))?;
        let template = environment.get_template(&self.name).map_err(|error| failed(&error))?;
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        let (text, spans) = template.render_with_spans(values).map_err(|error| failed(&error))?;
        let piece = |span: &OutputSpan| Piece {
            output: span.output_range(),
            file: self.path_of(span.name()),
            line: span.line(),
            is_copied: span.kind() == OutputSpanKind::Raw,
        };
        let pieces = spans.iter().map(piece).collect();
        let sources = environment.templates().map(|(_, part)| part.source().to_owned()).collect();
        Ok(Rendered { text, sources, pieces })
    }

    /// The path of a template that this one named.
    fn path_of(&self, name: &str) -> String {
        let folder = Utf8Path::new(&self.name).parent().filter(|_| name != self.name);
        folder.map_or_else(|| name.to_owned(), |folder| folder.join(name).into_string())
    }

    fn explain(&self, error: &minijinja::Error, no_lock: Option<&str>) -> Error {
        let error = innermost(error);
        let source = error.template_source().unwrap_or(&self.text);
        let line = error.line().unwrap_or(1);
        let range = error.range().unwrap_or_else(|| line_range(source, line));
        let name = self.path_of(error.name().unwrap_or(&self.name));
        let what = source.get(range.clone()).unwrap_or_default();
        let (message, help) = match error.kind() {
            ErrorKind::UndefinedError => {
                let is_lock = what.split(['.', ' ', '[']).next() == Some("lock");
                let help = no_lock.filter(|_| is_lock).map_or_else(
                    || "correct the name, or give a default: `| default(…)`".to_owned(),
                    str::to_owned,
                );
                (format!("`{what}` is not defined"), Some(help))
            }
            kind => {
                let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
                (format!("{kind}{detail}"), None)
            }
        };
        Error::template(&name, source, (line, Some(range)), message, help)
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    minijinja_contrib::add_to_environment(&mut environment);
    // Methods of Python values: text.startswith(), map.items() and so on.
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("these are not delimiters"));
    // As Jinja2's StrictUndefined, but `{% if x.y %}` is allowed: existing templates use it.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    // Whether text is escaped must not depend on the file's name.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // Needed for the place of an error.
    environment.set_debug(true);
    environment
}

/// The error in the template where it occurred, which is the innermost of the including templates' errors.
fn innermost(error: &minijinja::Error) -> &minijinja::Error {
    let mut found = error;
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        if let Some(inner) = source.downcast_ref::<minijinja::Error>()
            && inner.line().is_some()
        {
            found = inner;
        }
        next = source.source();
    }
    found
}

fn line_range(text: &str, line: usize) -> Range<usize> {
    let mut from = 0;
    for (at, content) in text.split_inclusive('\n').enumerate() {
        if at + 1 == line {
            return from..from + content.trim_end().len();
        }
        from += content.len();
    }
    text.len()..text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(text: &str, parts: &'static [(&'static str, &'static str)]) -> Result<String, Error> {
        let template = Template { name: "docker/c.yaml.jinja2".to_owned(), text: text.to_owned() };
        let load = move |name: &str| {
            let found = parts.iter().find(|(known, _)| *known == name);
            Ok(found.map(|(_, text)| (*text).to_owned()))
        };
        let values = json!({
            "services": { "ray": { "image": "a:b", "build": { "enabled": true }, "ports": [1, 2] } },
            "list": ["x", "y"], "name": "Ray", "日本": "語",
        });
        template.render(Arc::new(load), &values, Some("no lock here")).map(|rendered| rendered.text)
    }

    fn render(text: &str) -> String {
        with(text, &[]).unwrap()
    }

    #[test]
    fn what_templates_of_jinja2_do_works() {
        for (template, expected) in [
            ("{% if services.ray.build.enabled %}\nx\n{% endif %}\ny\n", "x\ny"),
            (
                "  {% for k, v in services.ray.items() if k != 'ports' %}\n{{ k }}={{ v | tojson }}\n  {% endfor %}",
                "image=\"a:b\"\nbuild={\"enabled\": true}\n",
            ),
            (
                "{{ services.get('x', 'none') }} {{ services.ray.get('image') }} {{ services['ray']['ports'][1] }}",
                "none a:b 2",
            ),
            (
                "{{ services.ray.cpus | default(4) }} {{ name | lower }} {{ name.upper() }} {{ 'a,b'.split(',') | join('-') }}",
                "4 ray RAY a-b",
            ),
            (
                "{% if services.ray.missing %}a{% else %}b{% endif %} {{ 'y' if services.marimo is defined else 'n' }}",
                "b n",
            ),
            (
                "{% set ns = namespace(n=0) %}{% for i in list %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
                "2",
            ),
            (
                "{% macro m(a, b='z') %}{{ a }}{{ b }}{% endmacro %}{{ m('x') }}{{ m('x', b='y') }}",
                "xzxy",
            ),
            (
                "{% for x in list %}{{ loop.index }}{{ x }}{{ ',' if not loop.last }}{% endfor %}",
                "1x,2y",
            ),
            (
                "{{ true }} {{ none }} {{ 日本 }} {{ ' a ' | trim }} {{ \"x\" ~ 1 }} {{ 7 // 2 }} {{ 2 ** 3 }}",
                "True None 語 a x1 3 8",
            ),
            (
                "{% raw %}{{ x }}{% endraw %} ${HOME:-x} {# c #}{% filter upper %}a{% endfilter %}",
                "{{ x }} ${HOME:-x} A",
            ),
            ("{{ '%s' | format(1) if false else 'a' | replace('a', 'b') | indent(2) }}", "b"),
        ] {
            assert_eq!(render(template), expected, "{template}");
        }
    }

    #[test]
    fn other_templates_of_the_folder_can_take_part() {
        let parts = &[
            ("base.jinja2", "a: {% block a %}0{% endblock %}\n"),
            ("macros.jinja2", "{% macro m(x) %}[{{ x }}]{% endmacro %}"),
            ("part.jinja2", "{{ name }}"),
        ];
        let text = "{% extends 'base.jinja2' %}{% from 'macros.jinja2' import m %}{% block a %}{{ m(1) }}{% include 'part.jinja2' %}{% endblock %}";
        assert_eq!(with(text, parts).unwrap(), "a: [1]Ray");
    }

    fn told(error: Error) -> (String, usize, String, String, String) {
        let Error::Template { file, line, message, help, text, span } = error else {
            panic!("{error:?}")
        };
        let span = span.unwrap();
        let at = text.inner()[span.offset()..span.offset() + span.len()].to_owned();
        (file, line, message, at, help.unwrap_or_default())
    }

    #[test]
    fn what_is_not_defined_is_told_with_file_line_and_place() {
        let (file, line, message, at, _) =
            told(with("a: 1\nb: {{ services.ray.imag }}\n", &[]).unwrap_err());
        assert_eq!((file.as_str(), line), ("docker/c.yaml.jinja2", 2));
        assert_eq!(
            (message.as_str(), at.as_str()),
            ("`services.ray.imag` is not defined", "services.ray.imag")
        );
        for text in [
            "{{ servces.ray }}",
            "{% if servces.ray %}{% endif %}",
            "{% for x in nothing %}{% endfor %}",
            "{{ services.x.y }}",
        ] {
            let (_, line, message, ..) = told(with(text, &[]).unwrap_err());
            assert!(line == 1 && message.contains("is not defined"), "{text} {message}");
        }
        let (.., help) =
            told(with("{% for a in lock.args.items() %}{% endfor %}", &[]).unwrap_err());
        assert_eq!(help, "no lock here");
    }

    #[test]
    fn a_mistake_in_an_included_file_is_told_there() {
        let parts = &[("part.jinja2", "x\n\n  {{ nothing.here }}\n"), ("bad.jinja2", "{% if %}")];
        let (file, line, _, at, _) = told(with("{% include 'part.jinja2' %}", parts).unwrap_err());
        assert_eq!((file.as_str(), line, at.as_str()), ("docker/part.jinja2", 3, "nothing.here"));
        let (file, line, message, ..) =
            told(with("\n{% include 'bad.jinja2' %}", parts).unwrap_err());
        assert_eq!((file.as_str(), line), ("docker/bad.jinja2", 1), "{message}");
        let (file, line, message, ..) =
            told(with("\n{% include 'none.jinja2' %}", parts).unwrap_err());
        assert_eq!((file.as_str(), line), ("docker/c.yaml.jinja2", 2), "{message}");
        assert!(message.contains("none.jinja2"), "{message}");
        let (_, line, message, ..) = told(with("a\n{% for x in list %}\n", &[]).unwrap_err());
        assert!(line >= 2, "{line} {message}");
        let (_, line, message, ..) = told(with("a\n{{ 1 | nofilter }}\n", &[]).unwrap_err());
        assert!(line == 2 && message.contains("nofilter"), "{line} {message}");
    }
}
