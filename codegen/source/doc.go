// Package source reads Go packages for the generators of corechan gen: it loads and type-checks them, finds the types that are
// marked for generation, and collects what is wrong with them as problems with position and remedy.
//
// # Marks
//
// A mark is a comment line directly above a type's declaration, without a space behind the slashes, as all Go directives have it:
//
//	//corechan:message           a struct that is sent
//	//corechan:view              a struct of which some fields are read without decoding the rest
//	//corechan:error             a struct that is an error, and is sent as one
//	//corechan:service           an interface whose methods are called from afar
//
// Words behind it are its options; a type may have several marks. Directives on the fields of a struct, or on the methods of
// an interface, are kept with the mark's type (see [Mark.Inner]), and are the generator's to understand or refuse.
//
// # Generated code that is not there yet
//
// The packages are loaded as if nothing had been generated: files that begin with [Header] are taken for empty, so that neither a
// stale nor a broken one is in the way. Hence the type checker finds fault with uses of generated methods and types, which is not
// reported. What a generator needs and finds invalid, it reports itself, with [Package.TypeError] for the cause.
package source
