package golden

import "github.com/corechan/corechan/engine"

// A Page has items of any message type.
//
//corechan:message
type Page[T any, P interface {
	*T
	engine.Message
}] struct {
	Items  []T
	One    T
	Maybe  *T
	ByName map[string]T
	Words  Words
	Color  Color
	Colors map[string]Color
	Level  Level
	Levels map[string]Level
}

// Pages uses it.
//
//corechan:message
type Pages struct {
	Page  Page[Fill, *Fill]
	Pages []Page[Level, *Level]
}
