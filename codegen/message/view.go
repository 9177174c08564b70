package message

type view struct{}

func (w *world) views() []*view       { return nil }
func (w *world) checkViews(_ []*view) {}
func (v *view) prepare(_ *synth)      {}
func (v *view) print()                {}
func (w *world) tests()               {}
