package message

// tests prints a test and a fuzz target for each marked type.
func (w *world) tests() {
	out := w.out.Test
	if out == nil {
		return
	}
	for _, k := range w.order {
		if k.generic() || k.mark == nil {
			continue
		}
		testing, gentest := out.Import("testing", "testing"), out.Import(testPath, "gentest")
		out.Printf("\nfunc Test%sRoundTrip(t *%s.T) { %s.RoundTrip[%s](t) }\n", exported(k.name()), testing, gentest, k.name())
		if w.viewable(k.named) != nil {
			out.Printf("\nfunc Test%sView(t *%s.T) { %s.View[%s](t, %s) }\n", exported(k.name()), testing, gentest, k.name(), maker(k.name()))
		}
		out.Printf("\nfunc Fuzz%s(f *%s.F) { %s.Fuzz[%s](f) }\n", exported(k.name()), testing, gentest, k.name())
	}
}
