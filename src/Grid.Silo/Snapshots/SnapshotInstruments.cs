using System.Diagnostics.Metrics;

namespace Grid.Silo.Snapshots;

/// <summary>What full syncs cost, on the meter "Grid".</summary>
internal static class SnapshotInstruments
{
    private static readonly Meter Meter = new("Grid");
    private static readonly Counter<long> Sent = Meter.CreateCounter<long>("grid.sync.snapshots", "{snapshot}", "Snapshots sent to their end.");
    private static readonly Counter<long> Entries = Meter.CreateCounter<long>("grid.sync.entries", "{entry}", "Entries of those snapshots.");
    private static readonly Counter<long> RawBytes = Meter.CreateCounter<long>("grid.sync.raw.bytes", "By", "Bytes of those snapshots before compression.");
    private static readonly Counter<long> WireBytes = Meter.CreateCounter<long>("grid.sync.wire.bytes", "By", "Bytes of snapshots given to streams, once for each member, of those cut short too.");

    public static void OnItem(int bytes) => WireBytes.Add(bytes);

    public static void OnSent(in SnapshotOutcome outcome)
    {
        Sent.Add(1);
        Entries.Add(outcome.Entries);
        RawBytes.Add(outcome.RawBytes);
    }
}
