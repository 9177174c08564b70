package compare

// Services is the comparison of generated services.
type Services struct{}
