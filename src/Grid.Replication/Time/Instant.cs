namespace Grid.Replication.Time;

/// <summary>The present, as the caller of a state machine sees it: the pure layers never read a clock.</summary>
/// <param name="MonotonicMs">Milliseconds of a clock that never goes back and counts suspension: for time-outs.</param>
/// <param name="UnixMs">Milliseconds since 1970 by the wall clock: for expiry.</param>
public readonly record struct Instant(long MonotonicMs, long UnixMs);
