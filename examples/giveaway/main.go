// Command giveaway gives a log's descriptor away: a process that may not open the file, as it belongs to another user, writes
// to it all the same, and goes on to when the one that gave it has ended.
//
//	giveaway keep --file /tmp/app.log --listen shm://@giveaway --allow 65534 &
//	echo hello | sudo -u nobody giveaway write --connect shm://@giveaway --allow $(id -u)
//	cat /tmp/app.log
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/shm"
)

type cli struct {
	Keep  keepCmd  `cmd:"" help:"Open a log, and give its descriptor to whoever asks."`
	Write writeCmd `cmd:"" help:"Ask for the log, and write the lines of standard input to it."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli{}, kong.Name("giveaway"), kong.UsageOnError(),
		kong.Description("Write to a log through a descriptor that was given away, without the right to open the file."))
	k.BindTo(ctx, (*context.Context)(nil))
	k.FatalIfErrorf(k.Run())
}

// requests is the name of the channel on which the log is asked for.
const requests = "requests"

type keepCmd struct {
	File   string   `required:"" placeholder:"PATH" help:"The log. It is made, for this user only, if it does not exist."`
	Listen string   `required:"" placeholder:"URL" help:"Where to listen. Other users have to reach it: shm://@giveaway, or a path that they may search."`
	Allow  []uint32 `placeholder:"UID" help:"Users who get the log, beside this one."`
}

// Run gives the log away until ctx ends.
func (k *keepCmd) Run(ctx context.Context) error {
	path, err := filepath.Abs(k.File)
	if err != nil {
		return err
	}
	// Appending, so that lines of several writers do not overwrite each other; for writing only, so that who gets it cannot
	// read what others wrote. It can still truncate the file: whom that worries gives a pipe away instead.
	log, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	ln, err := transports.Listen(ctx, k.Listen, &transports.Options{AllowUIDs: k.Allow})
	if err != nil {
		return err
	}
	defer ln.Close()
	fmt.Println("listening on", ln.Addr())
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for sess, err := range ln.Sessions(ctx) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		sessions.Go(func() {
			defer sess.Close()
			giveTo(ctx, sess, path, log)
		})
	}
	return nil
}

// giveTo answers the requests of one process. It is one whose user is allowed, or there would be no session.
func giveTo(ctx context.Context, sess *engine.Session, path string, log *os.File) {
	asked, err := engine.Accept[Request](ctx, sess, requests)
	if err != nil {
		return
	}
	for request, err := range asked.All(ctx) {
		if err != nil {
			return
		}
		who := sess.Peer().Cred
		answer := Log{Path: path, File: log}
		if err := request.Reply.Send(ctx, &answer); err != nil {
			fmt.Fprintf(os.Stderr, "process %d of user %d: %v\n", who.PID, who.UID, err)
			continue
		}
		fmt.Printf("given to process %d of user %d\n", who.PID, who.UID)
	}
}

type writeCmd struct {
	Connect string   `required:"" placeholder:"URL" help:"Where giveaway keep listens."`
	Allow   []uint32 `placeholder:"UID" help:"The user of giveaway keep, if it is another: who listens there may be anybody."`
}

// Run writes until standard input ends.
func (w *writeCmd) Run(ctx context.Context) error {
	log, err := ask(ctx, w.Connect, w.Allow)
	if err != nil {
		return err
	}
	defer log.File.Close()

	_, err = os.OpenFile(log.Path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrPermission) {
		fmt.Println("not by its name:", err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		n, err := fmt.Fprintln(log.File, lines.Text()) // one system call, so lines stay whole
		if err != nil {
			return err
		}
		fmt.Printf("wrote %d bytes\n", n)
	}
	return lines.Err()
}

// ask gets the log. The session is not needed after that.
func ask(ctx context.Context, url string, users []uint32) (*Log, error) {
	sess, err := transports.Dial(ctx, url, &transports.Options{AllowUIDs: users})
	if errors.Is(err, shm.ErrForbidden) {
		return nil, fmt.Errorf("%w: here that is --allow", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; is giveaway keep --listen %s running?", err, url)
	}
	defer sess.Close()
	to, err := engine.Open[Request](ctx, sess, requests)
	if err != nil {
		return nil, err
	}
	var request Request
	log := new(Log)
	if err := engine.Call(ctx, to, &request, &request.Reply, log); err != nil {
		return nil, err
	}
	if log.File == nil {
		return nil, errors.New("the answer has no file: is it giveaway keep that listens there?")
	}
	return log, nil
}
