using System.Globalization;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Grid.Silo.Placement;

/// <summary>
/// Keys of grains that belong to one incarnation of one silo: <c>NAME/SILO</c>. A replica grain is the agent of the copy
/// on its silo; it never moves, and with the silo it is gone for good.
/// </summary>
internal static class SiloBoundKey
{
    /// <summary>The key of a grain on <paramref name="silo"/>.</summary>
    public static string For(string name, string silo) => $"{name}/{silo}";

    /// <summary>The key of the replica of a shard on <paramref name="silo"/>.</summary>
    public static string ForReplica(int shard, string silo) => For(shard.ToString(CultureInfo.InvariantCulture), silo);

    /// <summary>Takes a key apart.</summary>
    /// <exception cref="ArgumentException">It does not name a silo.</exception>
    public static (string Name, SiloAddress Silo) Parse(string key)
    {
        int slash = key.LastIndexOf('/');
        if (slash < 1)
            throw new ArgumentException($"'{key}' is not the key of a grain that belongs to a silo: NAME/SILO is expected.", nameof(key));
        try
        {
            return (key[..slash], SiloAddress.FromParsableString(key[(slash + 1)..]));
        }
        catch (FormatException malformed)
        {
            throw new ArgumentException($"'{key}' does not name a silo: {malformed.Message}", nameof(key), malformed);
        }
    }

    /// <summary>The shard of a replica's key.</summary>
    public static int ShardOf(string key) => int.Parse(Parse(key).Name, CultureInfo.InvariantCulture);
}

/// <summary>Places a grain on the silo that its key names.</summary>
[GenerateSerializer, Immutable, SuppressReferenceTracking, Alias("Grid.SiloBoundPlacement")]
internal sealed class SiloBoundPlacement : PlacementStrategy
{
    public static SiloBoundPlacement Instance { get; } = new();
}

[AttributeUsage(AttributeTargets.Class)]
internal sealed class SiloBoundPlacementAttribute() : PlacementAttribute(SiloBoundPlacement.Instance);

internal sealed class SiloBoundDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        (_, SiloAddress silo) = SiloBoundKey.Parse(target.GrainIdentity.Key.ToString()!);
        return context.GetCompatibleSilos(target).Contains(silo)
            ? Task.FromResult(silo)
            : throw new SiloUnavailableException($"{target.GrainIdentity} belongs to silo {silo}, which is not there.");
    }
}
