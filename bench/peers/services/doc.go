// Package services compares generated services: a program for each system, with the same messages and the same service.
package services

//go:generate ./generate.sh
