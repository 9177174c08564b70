// Package carry finds the carried values (channels, byte streams, descriptors) of a message of any Go type, at any depth,
// and puts a [codec.Ref] in the place of each, so that a codec that reflects can encode the message.
//
// For each type there is one [Plan], made once. A type in which nothing can be carried has an empty plan and is encoded as
// it is. For any other the plan has a shadow: the same type again, with a Ref instead of each carried value, with the
// same names and tags of fields, without unexported fields.
//
//	type Job struct {                            struct {
//		Name   string          `msg:"name"`   →      Name   string    `msg:"name"`
//		Output io.Writer       `msg:"output"` →      Output codec.Ref `msg:"output"`
//		Extra  map[string]any                 →      Extra  map[string]any // Refs where carried values were
//	}                                            }
//
// Sending goes by Out and the codec's Append, receiving by the codec's Decode into a NewShadow and In.
//
// Carried values may be in fields of structs, embedded ones too, behind pointers, in slices and arrays, as values of
// maps, and behind any, where what holds them may be of any type again, and arrives as what the codec decodes into an any.
// Not looked into are unexported fields, keys of maps, interfaces with methods that are not themselves carried, and types
// that marshal themselves; of those, PlanFor refuses the ones with carried values in exported fields, unless they are a
// [codec.Carrier]. A carried field with the tag "-" for msg, json or xml is left out of the shadow: it does not travel, by no
// codec. Of an embedded struct whose type is not exported, msgpack writes nothing unless its tag msg says flatten, with
// or without a plan.
//
// A [codec.Lister] has an empty plan: who has the attachment table fills its list.
package carry
