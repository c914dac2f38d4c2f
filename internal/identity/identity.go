// Package identity says who the people are that several cameras follow: it gives tracks of one person, in one camera
// or in several, one number.
//
// Three things decide. Where two cameras see the same ground and the map between their pictures is known, geometry:
// feet that stay together are one person's, feet that stay apart are two people's. Then what cannot be: nobody is in
// two cameras at once that see different places, nor comes sooner than the way takes. Then appearance: the cosine of
// the tracks' vectors. Later evidence may take a decision back, and every decision leaves an Event.
package identity

import (
	"log/slog"
	"time"
)

// Options are a Registry's settings; all of them are needed but for what says otherwise.
type Options struct {
	// Similarity is the least cosine that makes two tracks one person; from 1 on appearance never does.
	Similarity float64
	// Margin is how much more alike the best candidate must be than the second best.
	Margin float64
	// Decay is the age at which an appearance is trusted half: the cosine asked for goes from Similarity
	// towards 1 with the time between two tracks. 0: it does not.
	Decay time.Duration
	// Views is how many good views a track must have had before it gets an identity.
	Views int
	// Every is the least time between two reports of a camera.
	Every time.Duration
	// Skew is how far the clocks of two cameras may be apart.
	Skew time.Duration
	// Reach is how far the feet of one person may seem apart in two pictures, in heights of the person.
	Reach float64
	// Forget is how long a track is remembered unseen.
	Forget time.Duration
	// Gallery is the number of tracks remembered: vectors on the device.
	Gallery int
	// Sites are the groups of cameras. None: all cameras are one, and nothing is known of where they stand.
	Sites []Site
	// People is the most that one report can hold.
	People int

	// File keeps the identities over restarts, written every Save; empty: they are not kept.
	File string
	Save time.Duration
	// Audit is the file of Events; empty: there is none.
	Audit string
	// Model is the key of the network that makes the vectors, and Length that of a vector: vectors of
	// different networks cannot be compared.
	Model  string
	Length int
	Logger *slog.Logger
}

// Site is a group of cameras that see the same people.
type Site struct {
	Name     string
	Cameras  []string
	Overlaps []Overlap
	Routes   []Route
}

// Overlap is a pair of cameras that see a place at once.
type Overlap struct {
	A, B string
	// Map takes places on the ground from A's picture to B's; nil where it is not known.
	Map *Homography
}

// Route is a way from one camera to another that takes Min to Max.
type Route struct {
	From, To string
	Min, Max time.Duration
}
