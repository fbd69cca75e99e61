using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Grid.Silo.Hosting;

/// <summary>The silo's health as the host's health checks know it.</summary>
internal sealed class GridHealthCheck(GridHealth health) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (health.Hang() is { } hang)
            return Task.FromResult(HealthCheckResult.Unhealthy(hang));
        IReadOnlyList<string> obstacles = health.Obstacles();
        return Task.FromResult(obstacles.Count == 0
            ? HealthCheckResult.Healthy("the silo is ready")
            : new HealthCheckResult(context.Registration.FailureStatus, obstacles[0], data: new Dictionary<string, object> { ["obstacles"] = obstacles }));
    }
}
