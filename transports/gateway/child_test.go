package gateway_test

const childEnv = "CORECHAN_GATEWAY_CHILD"

func childServe(string) error { return nil }
