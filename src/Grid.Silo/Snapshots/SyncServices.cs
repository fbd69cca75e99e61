using Grid.Silo.Telemetry;

namespace Grid.Silo.Snapshots;

/// <summary>What all syncs of a silo share.</summary>
/// <param name="Places">How many there are at a time.</param>
/// <param name="Pace">How much they send.</param>
/// <param name="Files">Where they write.</param>
/// <param name="Threads">Where they encode and send.</param>
/// <param name="Instruments">What they report.</param>
internal sealed record SyncServices(SyncPlaces Places, SyncPace Pace, SnapshotFiles Files, BackgroundThreads Threads, SyncInstruments Instruments);
