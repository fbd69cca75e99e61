namespace Grid.Formats.Vcs;

/// <summary>What a VCS payload carries: byte 6 of the envelope.</summary>
public enum VcsStreamKind : byte
{
    /// <summary>A snapshot: an RDB file.</summary>
    Snapshot = 1,

    /// <summary>A stream of replication commands.</summary>
    Commands = 2,
}
