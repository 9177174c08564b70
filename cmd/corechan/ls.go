package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/codegen/rpc/dynamic"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
)

type lsCmd struct {
	URL     string        `arg:"" complete:"url" help:"Where the services' process listens, such as shm:///run/app.sock."`
	Service string        `arg:"" optional:"" complete:"service" help:"Only this one, or Service.Method."`
	Timeout time.Duration `default:"10s" help:"How long to wait for an answer."`
	JSON    bool          `name:"json" help:"Print one JSON array of the services and nothing else."`
}

// Help is the long help.
func (lsCmd) Help() string {
	return `Asks a process for the services that it serves on a session, their methods, and what these take and return.

JSON: an array of objects with name, doc, methods (name, doc, oneway, args, results) and types.

Examples:

  corechan ls shm:///run/app.sock
  corechan ls shm:///run/app.sock Book
  corechan ls --json shm:///run/app.sock Book.Place | jq '.[].methods[].args'`
}

// Run prints the services.
func (l *lsCmd) Run(a *app) error {
	sess, all, err := servicesAt(a.ctx, l.URL, l.Timeout)
	if err != nil {
		return fmt.Errorf("ls: %w", err)
	}
	defer sess.Close()
	service, method, _ := strings.Cut(l.Service, ".")
	if service != "" {
		one, err := serviceNamed(all, service)
		if err != nil {
			return fmt.Errorf("ls: %w", err)
		}
		all = []rpc.Description{*one}
	}
	if method != "" {
		all[0].Methods = slices.DeleteFunc(all[0].Methods, func(m rpc.MethodDescription) bool { return m.Name != method })
		if len(all[0].Methods) == 0 {
			return fmt.Errorf("ls: %s has no method %s", service, method)
		}
	}
	if l.JSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	for i := range all {
		dynamic.Print(a.stdout, &all[i])
	}
	return nil
}

// servicesAt dials, and asks for the services there.
func servicesAt(ctx context.Context, url string, timeout time.Duration) (*engine.Session, []rpc.Description, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sess, err := transports.Dial(ctx, url, nil)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: does anybody listen there?", err)
	}
	if err != nil {
		return nil, nil, err
	}
	all, err := rpc.Services(ctx, sess)
	if err != nil {
		_ = sess.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer in %v: does the process at %s serve services?", timeout, url)
		}
		return nil, nil, err
	}
	return sess, all, nil
}

func serviceNamed(all []rpc.Description, name string) (*rpc.Description, error) {
	var names []string
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
		names = append(names, all[i].Name)
	}
	return nil, fmt.Errorf("%w: %s; it serves %s", rpc.ErrNoService, name, strings.Join(names, ", "))
}
