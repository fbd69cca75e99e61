using Grid.Replication.Takeover;
using Grid.Silo.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Grid.Silo.Placement;

/// <summary>Places a shard's primary where its best copy is, so that it adopts the copy in place.</summary>
[GenerateSerializer, Immutable, SuppressReferenceTracking, Alias("Grid.ShardPlacement")]
internal sealed class ShardPlacement : PlacementStrategy
{
    public static ShardPlacement Instance { get; } = new();
}

[AttributeUsage(AttributeTargets.Class)]
internal sealed class ShardPlacementAttribute() : PlacementAttribute(ShardPlacement.Instance);

/// <remarks>
/// A director that fails would leave callers with an error that says nothing: when the record cannot be read or no copy
/// can serve, the grain comes up on this silo and says what is wrong.
/// </remarks>
internal sealed partial class ShardPlacementDirector(IServiceProvider services, ILogger<ShardPlacementDirector> logger) : IPlacementDirector
{
    public async Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        SiloAddress[] silos = context.GetCompatibleSilos(target);
        int shard = (int)target.GrainIdentity.GetIntegerKey();
        try
        {
            TakeoverPlan plan = (await services.GetRequiredService<ShardPolls>().DecideAsync(shard)).Plan;
            if (plan.Silo.Length > 0 && SiloAddress.FromParsableString(plan.Silo) is { } best && silos.Contains(best))
                return best;
        }
        catch (Exception failure)
        {
            LogUndecided(failure, shard);
        }

        return silos.Contains(context.LocalSilo) ? context.LocalSilo : silos[0];
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Shard {Shard}: it could not be found out where its best copy is")]
    private partial void LogUndecided(Exception failure, int shard);
}
