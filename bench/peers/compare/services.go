package compare

import "io"

// Services is the comparison of generated services.
type Services struct{}

func (s *Services) markdown(io.Writer) {}
