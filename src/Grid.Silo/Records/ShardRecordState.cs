using Grid.Replication.Records;

namespace Grid.Silo.Records;

/// <summary>The shard record as grain storage keeps it. Persisted: never reuse an id, never change a meaning.</summary>
[GenerateSerializer, Alias("Grid.ShardRecordState")]
public sealed class ShardRecordState
{
    /// <summary>Number of the shard.</summary>
    [Id(0)] public int Shard { get; set; }

    /// <summary>See <see cref="ShardRecord.Lineage"/>.</summary>
    [Id(1)] public Guid Lineage { get; set; }

    /// <summary>See <see cref="ShardRecord.Version"/>; 0 in storage means that there is no record.</summary>
    [Id(2)] public long Version { get; set; }

    /// <summary>See <see cref="ShardRecord.Nonce"/>.</summary>
    [Id(3)] public Guid Nonce { get; set; }

    /// <summary>See <see cref="ShardRecord.Epoch"/>.</summary>
    [Id(4)] public long Epoch { get; set; }

    /// <summary>Silo of the primary; empty for none.</summary>
    [Id(5)] public string PrimarySilo { get; set; } = "";

    /// <summary>Copy of the primary.</summary>
    [Id(6)] public Guid PrimaryCopy { get; set; }

    /// <summary>Silos of the in-sync set.</summary>
    [Id(7)] public List<string> InSyncSilos { get; set; } = [];

    /// <summary>Copies of the in-sync set, in the order of their silos.</summary>
    [Id(8)] public List<Guid> InSyncCopies { get; set; } = [];

    internal static ShardRecordState From(ShardRecord record) => new()
    {
        Shard = record.Shard,
        Lineage = record.Lineage,
        Version = record.Version,
        Nonce = record.Nonce,
        Epoch = record.Epoch,
        PrimarySilo = record.Primary?.Silo ?? "",
        PrimaryCopy = record.Primary?.CopyId ?? Guid.Empty,
        InSyncSilos = [.. record.InSync.Select(copy => copy.Silo)],
        InSyncCopies = [.. record.InSync.Select(copy => copy.CopyId)],
    };

    internal ShardRecord ToRecord() => new()
    {
        Shard = Shard,
        Lineage = Lineage,
        Version = Version,
        Nonce = Nonce,
        Epoch = Epoch,
        Primary = PrimarySilo.Length == 0 ? null : new CopyName(PrimarySilo, PrimaryCopy),
        InSync = [.. InSyncSilos.Zip(InSyncCopies, (silo, copy) => new CopyName(silo, copy))],
    };
}
