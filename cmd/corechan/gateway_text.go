package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/corechan/corechan/transports/gateway"
)

func printOffers(w io.Writer, offers []gateway.OfferStats) {
	if len(offers) == 0 {
		fmt.Fprintln(w, "No offers for you.")
		return
	}
	t := newTable()
	fmt.Fprintln(t, "offer\tupstream\topen\ttotal\thanded over\trefused\tfailed\tsent\treceived\t")
	for _, o := range offers {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", o.Name, o.Upstream, o.Open, o.Total, o.HandedOver, o.Refused, o.Failed,
			scaled(float64(o.Sent), "B"), scaled(float64(o.Received), "B"))
	}
	t.print(w)
}

func printConnected(w io.Writer, offers []gateway.ConnectorStats) {
	t := newTable()
	fmt.Fprintln(t, "offer\topen\ttotal\thanded over\tfailed\tsent\treceived\t")
	for _, o := range offers {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t\n", o.Name, o.Open, o.Total, o.HandedOver, o.Failed,
			scaled(float64(o.Sent), "B"), scaled(float64(o.Received), "B"))
	}
	t.print(w)
}

func printOffersJSON(w io.Writer, offers []gateway.OfferStats) error {
	if offers == nil {
		offers = []gateway.OfferStats{}
	}
	return printJSON(w, map[string]any{"offers": offers})
}

func printConnectedJSON(w io.Writer, offers []gateway.ConnectorStats) error {
	return printJSON(w, map[string]any{"offers": offers})
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
