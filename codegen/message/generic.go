package message

import "go/types"

// pointerTo returns T if the constraint of p is an interface of *T with msgp's methods.
func (w *world) pointerTo(p *types.TypeParam) *types.TypeParam {
	i, ok := p.Constraint().Underlying().(*types.Interface)
	if !ok {
		return nil
	}
	methods := types.NewMethodSet(i)
	for _, m := range []string{"MarshalMsg", "UnmarshalMsg", "Msgsize"} {
		if methods.Lookup(nil, m) == nil {
			return nil
		}
	}
	return core(i)
}

// core returns T if the interface admits *T only.
func core(i *types.Interface) *types.TypeParam {
	for e := range i.EmbeddedTypes() {
		switch e := types.Unalias(e).(type) {
		case *types.Pointer:
			if t, ok := types.Unalias(e.Elem()).(*types.TypeParam); ok {
				return t
			}
		case *types.Union:
			if e.Len() == 1 {
				if p, ok := types.Unalias(e.Term(0).Type()).(*types.Pointer); ok {
					if t, ok := types.Unalias(p.Elem()).(*types.TypeParam); ok {
						return t
					}
				}
			}
		default:
			if inner, ok := e.Underlying().(*types.Interface); ok {
				if t := core(inner); t != nil {
					return t
				}
			}
		}
	}
	return nil
}

// pointerOf returns the parameter of the same type declaration that is a pointer to t.
func (w *world) pointerOf(t *types.TypeParam) *types.TypeParam {
	for _, k := range w.kept {
		for i := range k.named.TypeParams().Len() {
			p := k.named.TypeParams().At(i)
			if p != t && w.pointerTo(p) == t {
				return p
			}
		}
	}
	return nil
}
