package rig

import (
	"errors"
	"fmt"
)

// Errors that say which rule a configuration breaks. What is returned wraps one of them and says what to do instead.
var (
	ErrConfig = errors.New("cannot measure this")
	ErrSize   = fmt.Errorf("%w: message size", ErrConfig)
	ErrCores  = fmt.Errorf("%w: cores", ErrConfig)
)
