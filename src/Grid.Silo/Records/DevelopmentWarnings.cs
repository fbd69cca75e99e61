namespace Grid.Silo.Records;

/// <summary>What the development storage does not guarantee.</summary>
internal sealed class DevelopmentWarnings : IRecordStorageWarnings
{
    private static readonly string[] Warnings =
    [
        "Development clustering: membership and shard records live in the memory of the first silo, and the cluster is lost with it, all acknowledged writes included. Not for production: use Redis or PostgreSql.",
    ];

    public ValueTask<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation) => new(Warnings);
}
