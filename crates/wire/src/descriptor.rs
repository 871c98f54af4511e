//! The table of messages and kinds. The statics are written by the build; this file says what their parts mean.

/// A protobuf message.
#[derive(Debug)]
pub(crate) struct Message {
    #[cfg_attr(not(test), expect(dead_code, reason = "for people and tests"))]
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// Sorted by number.
    pub(crate) fields: &'static [Field],
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// Empty for a message that Go embeds: its fields belong to the parent's JSON object.
    pub(crate) json: &'static str,
    pub(crate) shape: Shape,
    pub(crate) kind: Kind,
    pub(crate) zero: Zero,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    One,
    Many,
    /// Keys are always text.
    Map,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Text,
    Bytes,
    Bool,
    Int,
    Double,
    /// An index into [`MESSAGES`].
    Message(u16),
}

/// What zero, false or empty text means when it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Zero {
    /// A value like any other.
    Keep,
    /// Unset: Go writes fields that are not pointers whether they are set or not.
    Drop,
}

/// How a message looks in JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    /// An object with the fields as members.
    Object,
    /// The text of its only field.
    Quantity,
    /// A number or a text, by its `type` field.
    IntOrString,
    /// RFC 3339 in whole seconds, UTC.
    Time,
    /// RFC 3339 in microseconds, UTC.
    MicroTime,
    /// The bytes of its only field are JSON already (RawExtension, FieldsV1).
    Json,
    /// The array of its only field (ExtraValue).
    Items,
    /// Its first field, or the array of its second (JSONSchemaPropsOrArray).
    OneOrMany,
    /// Its second field if there is one, else the boolean of its first (JSONSchemaPropsOrBool).
    SchemaOrBool,
}

include!(concat!(env!("OUT_DIR"), "/table.rs"));

impl Message {
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        let index = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        Some(&self.fields[index])
    }
}

/// The message behind an index of the table.
pub(crate) fn message(index: u16) -> &'static Message {
    &MESSAGES[usize::from(index)]
}

/// The message of a kind. Meta kinds such as DeleteOptions are sent under the group version of what they act on.
pub(crate) fn message_of(api_version: &str, kind: &str) -> Option<&'static Message> {
    let find = |api_version: &str| {
        KINDS.binary_search_by(|(version, name, _)| (*version, *name).cmp(&(api_version, kind))).ok()
    };
    let index = find(api_version).or_else(|| find("*"))?;
    Some(message(KINDS[index].2))
}
