// Package service generates clients, servers and fakes for interfaces that are marked //corechan:service.
//
//	service.go   the Generator
//	model.go     what an interface says, and what is wrong with it
//	kind.go      what a type is on the wire
//	code.go      statements that encode, decode and measure values
//	body.go      the types of arguments and results
//	client.go    clients and fakes
//	server.go    servers, and the tables of methods and errors
//	describe.go  what a service tells about itself
package service
