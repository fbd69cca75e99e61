namespace Grid.Formats.Snapshots;

/// <summary>An RDB file that is whole as such but not a snapshot of ours, or one that contradicts itself.</summary>
public sealed class SnapshotFormatException : PayloadException
{
    /// <summary>Makes an exception; <paramref name="offset"/> counts bytes of the uncompressed file.</summary>
    public SnapshotFormatException(PayloadFault fault, string detail, long offset)
        : base(fault, $"Snapshot error at byte {offset}: {detail} ({fault}).", offset)
    {
    }
}
