//! The macros that turn one list of keys into a type, its reader and its schema.

/// The key of a field in the file: its name, unless `as "name"` is given.
macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// A table with a fixed set of keys.
///
/// In the block after `check`, every field is a local of type `Option`: `None` if it was wrong. The function after `whole`
/// is called if none was.
macro_rules! table {
    (
        $(#[doc = $doc:literal])+
        $vis:vis struct $Name:ident in $title:literal {
            $( $(#[doc = $field_doc:literal])+ $field:ident $(as $key:literal)? : $Type:ty = $rule:expr, )+
        }
        $(later { $($later:literal),* $(,)? })?
        $(check($cx:ident) $check:block)?
        $(whole($whole:path))?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis struct $Name {
            $( $(#[doc = $field_doc])+ pub $field: $Type, )+
        }

        impl $crate::rule::Table for $Name {
            const NAME: &'static str = stringify!($Name);
            const TITLE: &'static str = $title;

            fn read(
                cx: &mut $crate::rule::Reader<'_>,
                table: &toml::de::DeTable<'_>,
                span: std::ops::Range<usize>,
            ) -> Option<Self> {
                const KNOWN: &[&str] = &[$($crate::rule::key!($field $($key)?)),+];
                const LATER: &[&str] = &[$($($later),*)?];
                $crate::rule::reject_unknown(cx, table, $title, KNOWN, LATER);
                $( let $field: Option<$Type> = $crate::rule::Field::read(
                    &$rule, cx, table, &span, $crate::rule::key!($field $($key)?), $title,
                ); )+
                $( { let $cx = &mut *cx; $check } )?
                let whole = Self { $($field: $field?),+ };
                $( $whole(cx, &whole); )?
                Some(whole)
            }

            fn describe(defs: &mut $crate::rule::Defs) -> serde_json::Value {
                $crate::rule::describe_table(
                    concat!($($doc),+),
                    vec![$((
                        $crate::rule::key!($field $($key)?),
                        concat!($($field_doc),+),
                        $crate::rule::Field::describe(&$rule, defs),
                    )),+],
                )
            }
        }
    };
}

/// A table of which exactly one key is given, which says what the rest is.
macro_rules! one_of {
    (
        $(#[doc = $doc:literal])+
        $vis:vis enum $Name:ident in $title:literal {
            $( $(#[doc = $variant_doc:literal])+ $Variant:ident $(($Type:ty))? as $key:literal = $rule:expr, )+
        }
        $(later { $($later:literal),* $(,)? })?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis enum $Name {
            $( $(#[doc = $variant_doc])+ $Variant $(($Type))?, )+
        }

        impl $crate::rule::Table for $Name {
            const NAME: &'static str = stringify!($Name);
            const TITLE: &'static str = $title;

            fn read(
                cx: &mut $crate::rule::Reader<'_>,
                table: &toml::de::DeTable<'_>,
                span: std::ops::Range<usize>,
            ) -> Option<Self> {
                const KNOWN: &[&str] = &[$($key),+];
                const LATER: &[&str] = &[$($($later),*)?];
                let (key, node) = $crate::rule::one_of(cx, table, &span, $title, (KNOWN, LATER))?;
                cx.within(key, node.span(), |cx| match key {
                    $( $key => $crate::rule::one_of!(@build cx node $Variant $(($Type))? = $rule), )+
                    _ => None,
                })
            }

            fn describe(defs: &mut $crate::rule::Defs) -> serde_json::Value {
                $crate::rule::describe_choice(
                    concat!($($doc),+),
                    vec![$((
                        $key,
                        concat!($($variant_doc),+),
                        $crate::rule::Rule::schema(&$rule, defs),
                    )),+],
                )
            }
        }
    };
    (@build $cx:ident $node:ident $Variant:ident ($Type:ty) = $rule:expr) => {
        $crate::rule::Rule::read(&$rule, $cx, $node).map(Self::$Variant)
    };
    (@build $cx:ident $node:ident $Variant:ident = $rule:expr) => {
        $crate::rule::Rule::read(&$rule, $cx, $node).map(|()| Self::$Variant)
    };
}

/// A closed list of words.
macro_rules! words {
    (
        $(#[doc = $doc:literal])+
        $vis:vis enum $Name:ident {
            $( $(#[doc = $variant_doc:literal])+ $Variant:ident = $word:literal, )+
        }
        $(later { $($later:literal),* $(,)? })?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $Name {
            $( $(#[doc = $variant_doc])+ $Variant, )+
        }

        impl $Name {
            /// The word in the file.
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$Variant => $word, )+
                }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $crate::rule::Word for $Name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$Variant)),+];
            const LATER: &'static [&'static str] = &[$($($later),*)?];
        }
    };
}

pub(crate) use {key, one_of, table, words};
